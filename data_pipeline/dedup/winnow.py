"""Places of a text that an equal text has too, wherever it stands, and hashes of its windows of bytes.

A corpus has as many windows of 50 bytes as bytes; to compare them all would take twenty times its size.
Winnowing (Schleimer, Wilkerson, Aiken, SIGMOD 2003) picks in each window the k-gram with the smallest hash,
the last where several are equal: what is picked depends on the window alone, so two equal windows pick the
same k-gram at the same place, and neighbours mostly pick one together. A window whose pick occurs nowhere
else occurs nowhere else.

Hashes are sums of random 64-bit values of the bytes, modulo 2^64; two tables of such values make 128 bits of
a window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from data_pipeline.measures.hashing import gram_hashes, mixed

_CHUNK = 1 << 15  # windows at a time; what is worked on stays in the cache, however long the text is
_HIGH, _PLACE = np.uint64(0xFFFFFFFF00000000), np.uint64(0xFFFFFFFF)
_FIRST, _SECOND = mixed(np.arange(1, 513, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)).reshape(2, 256)


@dataclass(frozen=True, kw_only=True, slots=True)
class Winnow:
    """Windows of `size` bytes, and k-grams of `gram` bytes in them."""

    size: int
    gram: int

    def picked(self, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the picked k-grams of the bytes (uint8) stand, uint32 in order, and their hashes, uint64."""
        places, hashes = [np.zeros(0, np.uint32)], [np.zeros(0, np.uint64)]
        last = -1
        for start, pick, grams in self._picks(data):
            new = np.flatnonzero(np.diff(pick, prepend=last))
            places.append(pick[new].astype(np.uint32))
            hashes.append(grams[pick[new] - start])
            last = int(pick[-1])
        return np.concatenate(places), np.concatenate(hashes)

    def windows_with(self, data: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the windows begin that pick one of the places, uint32, and 128 bits of each in two columns, uint64."""
        wanted = np.zeros(data.size, bool)
        wanted[places] = True
        found = [(np.zeros(0, np.uint64), np.zeros(0, np.uint64), np.zeros(0, np.uint32))]
        for start, pick, _ in self._picks(data) if places.size else ():
            chosen = np.flatnonzero(wanted[pick])
            if chosen.size:
                part = data[start : start + pick.size + self.size - 1]
                key, low = (mixed(gram_hashes(table[part], self.size)[chosen]) for table in (_FIRST, _SECOND))
                found.append((key, low, (chosen + start).astype(np.uint32)))
        key, low, at = (np.concatenate(column) for column in zip(*found, strict=True))
        return at, key, low

    def _picks(self, data: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """(a chunk's first window, int64: the place that each of its windows picks, the hashes of k-grams from it on)."""
        for start in range(0, data.size - self.size + 1, _CHUNK):
            part = data[start : start + _CHUNK + self.size - 1]
            grams = mixed(gram_hashes(_FIRST[part], self.gram))
            backwards = _PLACE - np.arange(start, start + grams.size, dtype=np.uint64)
            least = _sliding_least((grams & _HIGH) | backwards, self.size - self.gram + 1)
            yield start, (_PLACE - (least & _PLACE)).astype(np.int64), grams


def _sliding_least(values: np.ndarray, width: int) -> np.ndarray:
    """The least of each `width` neighbours, by doubling."""
    reach = 1
    while reach * 2 <= width:
        values = np.minimum(values[:-reach], values[reach:])
        reach *= 2
    rest = width - reach
    return np.minimum(values[:-rest], values[rest:]) if rest else values
