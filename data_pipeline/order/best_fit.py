"""Documents packed whole into samples: best fit, instead of one stream that is cut every so many tokens.

Cutting a stream truncates documents that would have fit, and the model learns from pieces whose beginning it cannot see (Ding et al.
2024, "Fewer Truncations Improve Language Modeling", arXiv:2404.10830, section 3). Here a document is cut only when it is longer
than a sample, into full samples and a rest; the pieces, longest first, each go where they leave the least room.

Which piece lies in which sample depends on all lengths, so this cannot be a formula of the sample's number. It is worked out once a
shard, when it is prepared or first used, in groups of 65,536 documents (memory is bounded and a group's samples depend on its
lengths alone), and kept as two arrays that are memory-mapped: some 12 bytes a piece and 8 a sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

GROUP = 2**16
"""Documents that are packed together."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Packing:
    """The samples of one shard.

    `pieces`: int32[pieces, 3], (document, first token, end) of each, sample by sample. `ends`: int64[samples + 1], the first piece of
    each sample, then their number. `capacity`: tokens that fit in a sample; what is not filled is padding.
    """

    pieces: np.ndarray
    ends: np.ndarray
    capacity: int

    def __len__(self) -> int:
        return len(self.ends) - 1

    def arrays(self) -> dict[str, np.ndarray]:
        """What is kept of it (kept.py), by the names of its fields."""
        return {"pieces": self.pieces, "ends": self.ends}

    def locate(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """int64[n] -> (row int64[m], pieces int32[m, 3]): row k of those asked for is its pieces in turn."""
        counts = self.ends[samples + 1] - self.ends[samples]
        rows = np.repeat(np.arange(len(samples)), counts)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        return rows, np.asarray(self.pieces[self.ends[samples][rows] + within])

    def filled(self, samples: np.ndarray) -> np.ndarray:
        """int64[n]: the tokens in each of these samples."""
        rows, pieces = self.locate(samples)
        return np.bincount(rows, weights=pieces[:, 2] - pieces[:, 1], minlength=len(samples)).astype(np.int64)


def pack(lengths: np.ndarray, capacity: int, *, group: int = GROUP) -> Packing:
    """Packs documents of `lengths` int32[documents] into samples of at most `capacity` tokens (a sequence and its last label)."""
    pieces, counts = [np.empty((0, 3), dtype=np.int32)], [np.zeros(1, dtype=np.int64)]
    for first in range(0, len(lengths), group):
        cut, sample = _best_fit(np.asarray(lengths[first : first + group]), capacity)
        order = np.lexsort((np.arange(len(sample)), sample))
        pieces.append(cut[order] + np.array([first, 0, 0], dtype=np.int32))
        counts.append(np.bincount(sample))
    return Packing(pieces=np.concatenate(pieces), ends=np.cumsum(np.concatenate(counts)), capacity=capacity)


def _best_fit(lengths: np.ndarray, capacity: int) -> tuple[np.ndarray, np.ndarray]:
    """(pieces int32[n, 3], sample of each int64[n]), longest piece first."""
    cut = np.array(list(_cut(lengths, capacity)), dtype=np.int32).reshape(-1, 3)
    sizes = cut[:, 2] - cut[:, 1]
    cut = cut[np.argsort(-sizes, kind="stable")]
    open_samples: list[list[int]] = [[] for _ in range(capacity + 1)]  # by the room they have left
    rooms = 0  # bit r is set while some sample has room r
    placed, samples = [], 0
    for size in (cut[:, 2] - cut[:, 1]).tolist():
        fitting = rooms >> size
        if fitting:
            room = size + (fitting & -fitting).bit_length() - 1
            sample = open_samples[room].pop()
            if not open_samples[room]:
                rooms ^= 1 << room
        else:
            room, sample = capacity, samples
            samples += 1
        placed.append(sample)
        if room > size:
            open_samples[room - size].append(sample)
            rooms |= 1 << (room - size)
    return cut, np.array(placed, dtype=np.int64)


def _cut(lengths: np.ndarray, capacity: int) -> Iterator[tuple[int, int, int]]:
    for document, length in enumerate(lengths.tolist()):
        for start in range(0, length, capacity):
            yield document, start, min(start + capacity, length)
