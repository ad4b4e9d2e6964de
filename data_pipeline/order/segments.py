"""A stretch of training in which nothing changes: sample <-> (source, rank of its chunk, part of that chunk).

A run changes on its way: other weights, longer sequences, a source that has reached its cap. Between two
changes lies a segment, made of blocks. A block holds whole chunks of every source, `weights` of them, and the
places of its samples are permuted:

    i ── block b, place p                          of equal size, or of nearly equal size: see below
    q = permute(p; key of block b)                 a permutation of the places of this block
    s = the source whose places contain q
    r = cursor[s] + given_s(b) + (q - first of s) // parts      rank of the chunk among those of source s

`given_s(b)`, the chunks of source s in the b blocks before, is floor(b * share_s + phase_s) with shares in
units of 2**-32. Weights with a small common denominator have whole shares, so every block is alike. A source
whose share is far less than one chunk a block comes in some blocks and not in others, and is never more
than one chunk ahead of or behind its weight, for any number of sources and any weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data_pipeline.order.shuffle import keys_of, permute, unpermute

FRACTION = 32
"""Bits of a share after the point. 2**31 blocks of 65,536 chunks fit in 64 bits."""
LARGEST_NUMBER = 2**31
_SPREAD = 0x9E3779B9  # the golden ratio: sources of equal share do not all come in the same blocks


@dataclass(frozen=True, kw_only=True, eq=False)
class Segment:
    """`samples` samples from `first` on, or without end; each is one of `parts` equal parts of a chunk.

    `size`: chunks of a block, on average. `whole` and `fraction` (units of 2**-32), int64[sources]: the share of
    each source of a block; together `size`. `cursor`, int64[sources]: chunks of each source before this segment.
    `block`: blocks before this segment; each block of a run has a key of its own.
    """

    first: int
    samples: int | None
    sequence_length: int
    parts: int
    block: int
    size: int
    whole: np.ndarray
    fraction: np.ndarray
    cursor: np.ndarray

    @property
    def end(self) -> int | None:
        return None if self.samples is None else self.first + self.samples

    @cached_property
    def _even(self) -> bool:
        return not self.fraction.any()

    @cached_property
    def _phase(self) -> np.ndarray:
        return np.arange(1, len(self.whole) + 1, dtype=np.int64) * _SPREAD % 2**FRACTION

    def given(self, blocks: np.ndarray) -> np.ndarray:
        """int64[n, sources]: chunks of each source in the first `blocks` blocks of this segment."""
        counted = blocks[:, None] * self.whole
        if not self._even:
            counted += (blocks[:, None] * self.fraction + self._phase) >> FRACTION
        return counted

    def chunks_before(self, blocks: np.ndarray) -> np.ndarray:
        """int64[n]: chunks of all sources in the first `blocks` blocks."""
        return blocks * self.size if self._even else self.given(blocks).sum(axis=1)

    def blocks_within(self, chunks: int) -> int:
        """How many whole blocks the first `chunks` chunks of this segment hold."""
        return int(self._block_of(np.array([chunks], dtype=np.int64))[0])

    def locate(self, indices: np.ndarray, key: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sample indices of this segment int64[n] -> (source, rank of the chunk, part), int64[n] each."""
        offset = indices - self.first
        return self._locate_even(offset, key) if self._even else self._locate_uneven(offset, key)

    def _locate_even(self, offset: np.ndarray, key: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if self.size * self.parts == 1:  # one source alone: its chunks one after the other
            source, part = np.zeros((2, len(offset)), dtype=np.int64)
            alone = self.whole.tolist().index(1)
            source += alone
            return source, offset + self.cursor[alone], part
        block, place = np.divmod(offset, self.size * self.parts)
        place = permute(place, self.size * self.parts, keys_of(key, block + self.block, domain=1))
        chunk, part = np.divmod(place, self.parts)
        last = np.cumsum(self.whole)
        source = np.searchsorted(last, chunk, side="right")
        first = self.cursor - (last - self.whole)
        return source, block * self.whole[source] + chunk + first[source], part

    def _locate_uneven(self, offset: np.ndarray, key: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        blocks, which = np.unique(self._block_of(offset // self.parts), return_inverse=True)
        given = self.given(blocks)
        slots = self.given(blocks + 1) - given
        sizes = slots.sum(axis=1)
        before = given.sum(axis=1) * self.parts
        keys = keys_of(key, blocks + self.block, domain=1)
        place = permute(offset - before[which], sizes[which] * self.parts, keys[which])
        chunk, part = np.divmod(place, self.parts)
        last = np.cumsum(slots, axis=1)
        apart = np.arange(len(blocks), dtype=np.int64) * (int(sizes.max(initial=0)) + 1)  # one row of `last` after the other
        source = np.searchsorted((last + apart[:, None]).ravel(), chunk + apart[which], side="right") - which * len(self.whole)
        first = self.cursor + given - (last - slots)
        return source, chunk + first[which, source], part

    def find(self, source: int, ranks: np.ndarray, parts: np.ndarray, key: int) -> np.ndarray:
        """The inverse of `locate`, for chunks that this segment gives: int64[n] -> sample indices int64[n]."""
        ranks = ranks - int(self.cursor[source])
        share = (int(self.whole[source]) << FRACTION) + int(self.fraction[source])
        latest = (1 << FRACTION) - int(self._phase[source]) - 1
        blocks = np.array([((rank << FRACTION) + latest) // share for rank in ranks.tolist()], dtype=np.int64)
        given = self.given(blocks)
        slots = self.given(blocks + 1) - given
        chunk = slots[:, :source].sum(axis=1) + ranks - given[:, source]
        keys = keys_of(key, blocks + self.block, domain=1)
        place = unpermute(chunk * self.parts + parts, slots.sum(axis=1) * self.parts, keys)
        return self.first + self.chunks_before(blocks) * self.parts + place

    def _block_of(self, chunks: np.ndarray) -> np.ndarray:
        """int64[n]: the block that holds the chunk which comes after `chunks` others.

        Uneven blocks begin less than one chunk a source off their average, so the guess is off by at most one.
        """
        guess = chunks // self.size
        if self._even:
            return guess
        blocks, which = np.unique(guess, return_inverse=True)
        if blocks[-1] >= LARGEST_NUMBER:
            raise ValueError(f"block {blocks[-1]:,} is past {LARGEST_NUMBER:,}, the last of uneven shares")
        after, before = self.chunks_before(blocks + 1), self.chunks_before(blocks)
        return guess + (after[which] <= chunks) - (before[which] > chunks)
