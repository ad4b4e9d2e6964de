"""The chunks of a source in the order in which they are given: rank <-> (epoch, chunk).

An epoch is one permutation of all chunks of a source. Of data that was admitted while training ran, epoch 0
is a list of extents, the chunks of one admission each, permuted within themselves: what has not
been written yet cannot come first, and what was trained on already cannot come again. Later epochs are whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_pipeline.order.shuffle import keys_of, permute, unpermute

_LATER = 2**63
"""Number of the first extent after the first, among those of a source's epochs."""


class Extents:
    """`admitted[k][s]`: chunks of source s known after admission k; never fewer than after k - 1."""

    def __init__(self, admitted: Sequence[Sequence[int]], key: int) -> None:
        self.chunks = np.array(admitted[-1], dtype=np.int64)
        self._key = key
        self._ends: dict[int, np.ndarray] = {}
        if len(admitted) == 1:
            return
        known = np.array(admitted, dtype=np.int64)
        for source in np.flatnonzero(known[0] != known[-1]).tolist():
            ends = np.unique(known[:, source])
            if len(ends[ends > 0]) > 1:
                self._ends[source] = ends[ends > 0]

    def chunk(self, sources: np.ndarray, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(epoch, chunk), int64[n] each, of the chunk that source `sources` gives after `ranks` others."""
        if len(self.chunks) == 1 and not self._ends:
            return self._chunk_of_one(ranks)
        epochs, places = np.divmod(ranks, self.chunks[sources])
        base, sizes, numbers = self._extent(sources, epochs, places)
        keys = keys_of(self._key, numbers, domain=sources + 2)
        return epochs, base + permute(places - base, sizes, keys)

    def _chunk_of_one(self, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same where there is one source, permuted as a whole: one size, and one key while all are of one epoch."""
        size = int(self.chunks[0])
        epochs, places = np.divmod(ranks, size)
        numbers = epochs[:1] if (epochs == epochs[:1]).all() else epochs
        return epochs, permute(places, size, keys_of(self._key, numbers, domain=2))

    def rank(self, source: int, epoch: int, chunks: np.ndarray) -> np.ndarray:
        """The inverse, of one source and epoch: int64[n] -> ranks int64[n]."""
        sources, epochs = np.full_like(chunks, source), np.full_like(chunks, epoch)
        base, sizes, numbers = self._extent(sources, epochs, chunks)
        keys = keys_of(self._key, numbers, domain=sources + 2)
        return epoch * int(self.chunks[source]) + base + unpermute(chunks - base, sizes, keys)

    def _extent(
        self, sources: np.ndarray, epochs: np.ndarray, places: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(first place, places, number for the key) of the extent that holds each place; a chunk stays in its extent."""
        base, sizes, numbers = np.zeros_like(places), self.chunks[sources], epochs.astype(np.uint64)
        for source, ends in self._ends.items():
            chosen = np.flatnonzero((sources == source) & (epochs == 0))
            if chosen.size:
                extent = np.searchsorted(ends, places[chosen], side="right")
                starts = np.concatenate(([0], ends[:-1]))
                base[chosen], sizes[chosen] = starts[extent], (ends - starts)[extent]
                numbers[chosen] = np.where(extent > 0, extent.astype(np.uint64) + np.uint64(_LATER), np.uint64(0))
        return base, sizes, numbers
