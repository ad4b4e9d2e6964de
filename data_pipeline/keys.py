"""Which of very many keys come again, in bounded memory.

A set of all lines of a source does not fit in memory, and it is the large sources that repeat themselves. Keys are
128 bits of a hash. They are collected in memory, and from some number on in 256 files by their first bits; equal
keys meet in one file, so each file is sorted and counted alone. What is kept is a byte for each document, or 16
bytes for each line that is frequent.

Two different texts share a key about once in 10^38 pairs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_FILES = 256  # the first byte says which
_IN_MEMORY = 2**20  # keys, of some 60 bytes each as Python objects


def key_of(text: str) -> bytes:
    """16 bytes; equal texts have equal keys."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class KeySet:
    """Keys as two sorted columns."""

    high: np.ndarray
    low: np.ndarray

    def __len__(self) -> int:
        return self.high.size

    def holds(self, keys: list[bytes]) -> list[bool]:
        """Whether each key is among them."""
        if not keys or not len(self):
            return [False] * len(keys)
        pairs = np.frombuffer(b"".join(keys), "<u8").reshape(-1, 2)
        places = np.minimum(np.searchsorted(self.high, pairs[:, 0]), len(self) - 1)
        held: list[bool] = ((self.high[places] == pairs[:, 0]) & (self.low[places] == pairs[:, 1])).tolist()
        return held


class Keys:
    """Keys in the order in which they were added; `copies` and `frequent` are asked for when all are there."""

    def __init__(self, scratch: Path, in_memory: int = _IN_MEMORY) -> None:
        self._scratch = scratch
        self._most = in_memory
        self._waiting: list[bytes] = []
        self.total = 0
        self._spilt = False

    def add(self, keys: Iterable[bytes]) -> None:
        before = len(self._waiting)
        self._waiting.extend(keys)
        self.total += len(self._waiting) - before
        if len(self._waiting) >= self._most:
            self._spill()

    def copies(self) -> np.ndarray:
        """bool [keys]: whether an equal key was added before."""
        found = np.zeros(self.total, bool)
        for rows in self._parts():
            order = np.lexsort((rows["number"], rows["low"], rows["high"]))
            rows = rows[order]
            found[rows["number"][1:][_equal_to_next(rows)]] = True
        return found

    def frequent(self, least: int) -> KeySet:
        """The keys that were added at least so many times."""
        found = [np.empty(0, _ROW)]
        for rows in self._parts():
            rows = rows[np.lexsort((rows["low"], rows["high"]))]
            begins = np.flatnonzero(np.concatenate(([True], ~_equal_to_next(rows))))
            counts = np.diff(np.append(begins, rows.size))
            found.append(rows[begins[counts >= least]])
        every = np.concatenate(found)  # in order, since the files are by first bits
        return KeySet(every["high"].copy(), every["low"].copy())

    def _rows(self) -> np.ndarray:
        rows = np.empty(len(self._waiting), _ROW)
        pairs = np.frombuffer(b"".join(self._waiting), "<u8").reshape(-1, 2)
        rows["high"], rows["low"] = pairs[:, 0], pairs[:, 1]
        rows["number"] = np.arange(self.total - len(self._waiting), self.total)
        self._waiting = []
        return rows

    def _spill(self) -> None:
        self._spilt = True
        rows = self._rows()
        files = (rows["high"] >> np.uint64(56)).astype(np.uint8)
        order = np.argsort(files, kind="stable")
        bounds = np.searchsorted(files[order], np.arange(_FILES + 1))
        for number in range(_FILES):
            with (self._scratch / f"keys-{id(self)}-{number:03d}").open("ab") as file:
                file.write(rows[order[bounds[number] : bounds[number + 1]]].tobytes())

    def _parts(self) -> Iterator[np.ndarray]:
        if not self._spilt:
            if self._waiting:
                yield self._rows()
            return
        if self._waiting:
            self._spill()
        for number in range(_FILES):
            path = self._scratch / f"keys-{id(self)}-{number:03d}"
            rows = np.fromfile(path, _ROW)
            path.unlink()
            if rows.size:
                yield rows


_ROW = np.dtype([("high", "<u8"), ("low", "<u8"), ("number", "<i8")])


def _equal_to_next(rows: np.ndarray) -> np.ndarray:
    return (rows["high"][1:] == rows["high"][:-1]) & (rows["low"][1:] == rows["low"][:-1])

