"""One file of prepared data as arrays: memory-mapped where it lies on this machine, else in blocks from far away."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from data_pipeline.stored.cache import BlockCache
from data_pipeline.stored.far import Far
from orchestrator.errors import DataError


class Held(Protocol):
    """One file. `offset` counts bytes; `start`, `count` and `places` count items of the type after the offset."""

    size: int

    def slice(self, dtype: np.dtype[Any], offset: int, start: int, count: int) -> np.ndarray:
        """Items [start, start + count), read-only."""

    def take(self, dtype: np.dtype[Any], offset: int, places: np.ndarray) -> np.ndarray:
        """The items at these places, int64[n] -> [n]."""


class Mapped:
    """A file of this machine. Raises DataError when it is missing or has not `size` bytes."""

    def __init__(self, path: Path, size: int) -> None:
        require_size(path, size)
        self.size = size
        self._bytes: mmap.mmap | bytes = b""
        if size:
            with path.open("rb") as file:
                self._bytes = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
        self._views: dict[tuple[np.dtype[Any], int], np.ndarray] = {}

    def slice(self, dtype: np.dtype[Any], offset: int, start: int, count: int) -> np.ndarray:
        return self._view(dtype, offset)[start : start + count]

    def take(self, dtype: np.dtype[Any], offset: int, places: np.ndarray) -> np.ndarray:
        taken: np.ndarray = self._view(dtype, offset)[places]
        return taken

    def _view(self, dtype: np.dtype[Any], offset: int) -> np.ndarray:
        """From the offset to the end of the file, but for a rest that is no whole item."""
        found = self._views.get((dtype, offset))
        if found is None:
            found = np.frombuffer(self._bytes, dtype, (self.size - offset) // dtype.itemsize, offset)
            self._views[dtype, offset] = found
        return found


class InBlocks:
    """A far file of `size` bytes with contents `sha256`, through the cache of this node."""

    def __init__(self, far: Far, name: str, size: int, sha256: str, cache: BlockCache) -> None:
        self.size = size
        self._far, self._name, self._sha256, self._cache = far, name, sha256, cache

    def slice(self, dtype: np.dtype[Any], offset: int, start: int, count: int) -> np.ndarray:
        first = offset + start * dtype.itemsize
        return np.frombuffer(self.read(first, first + count * dtype.itemsize), dtype)

    def take(self, dtype: np.dtype[Any], offset: int, places: np.ndarray) -> np.ndarray:
        taken = np.empty(len(places), dtype)
        for position, place in enumerate(places.tolist()):
            taken[position] = self.slice(dtype, offset, place, 1)[0]
        return taken

    def read(self, start: int, end: int) -> bytes:
        """Bytes [start, end) of the file."""
        block = self._cache.block
        numbers = range(start // block, -(-end // block))
        parts = [
            self._block(number, max(start - number * block, 0), min(end - number * block, block)) for number in numbers
        ]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _block(self, number: int, start: int, end: int) -> bytes:
        first = number * self._cache.block
        last = min(first + self._cache.block, self.size)
        return self._cache.read(
            f"{self._sha256}-{self._cache.block}-{number}", start, end, last - first,
            lambda: self._far.read(self._name, first, last),
        )  # fmt: skip


def require_size(path: Path, size: int) -> None:
    """Raises DataError when the file is missing or has another size than was prepared."""
    found = path.stat().st_size if path.is_file() else None
    if found != size:
        told = "is missing" if found is None else f"has {found:,} bytes, but {size:,} were prepared"
        raise DataError(f"{path} {told}; the shard is damaged: remove its folder and prepare the data again")
