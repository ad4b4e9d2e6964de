"""The files of a prepared folder by their names, on this machine or behind a URL.

Nothing is opened before it is asked for, and few files are open at once: a corpus of 10**12 tokens has
thousands of shards, and a rank that mapped them all at its start would read all their indices to do so.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np

from data_pipeline.admitted import read_admitted
from data_pipeline.prepared import Prepared, open_prepared, read_prepared
from data_pipeline.stored.cache import BlockCache
from data_pipeline.stored.far import Far
from data_pipeline.stored.held import Held, InBlocks, Mapped, require_size
from orchestrator.errors import DataError

MAPS = 256
"""Files that are mapped at once."""
CACHE_BYTES = 16 * 2**30
LARGE_BLOCK, SMALL_BLOCK = 2**22, 2**18
"""Bytes fetched at once: large where everything fits in the cache; small where windows from all over push each other out."""


class Storage(Protocol):
    """The files of one prepared folder; safe for threads, and may be pickled for another process.

    files: (size, sha256) by names inside the folder.
    """

    @property
    def files(self) -> Mapping[str, tuple[int, str]]: ...

    def open(self, name: str) -> Held:
        """Raises DataError for a file that is missing or has another size than was prepared."""

    def whole(self, name: str) -> bytes | memoryview:
        """All of a file. Raises DataError when it is not what was prepared."""

    def check(self, name: str) -> None:
        """Raises DataError for a file that can be seen, without reading it, to be damaged."""


def open_data(
    place: str | Path, *, live: bool = False, cache: Path | None = None, capacity: int = CACHE_BYTES
) -> tuple[Prepared, Storage]:
    """Prepared data in a folder of this machine, or behind an fsspec URL.

    live: in a folder of this machine, as far as it is there. cache: the folder of this machine that blocks of far files
    go to, at most `capacity` bytes of them.
    """
    if live:
        admitted = read_admitted(Path(place))
        if admitted is None:
            raise DataError(f"{place} holds no shards yet; prepare the mixture with `make data`, or the run with `make resume`")
        prepared = admitted.so_far()
        return prepared, Here(prepared.folder, prepared.files)
    if not is_url(place):
        prepared = open_prepared(Path(place))
        return prepared, Here(prepared.folder, prepared.files)
    folder = cache or default_cache()
    far = Far(url=str(place))
    prepared = _copied(far, folder)
    total = sum(size for size, _ in prepared.files.values())
    block = LARGE_BLOCK if total <= capacity else SMALL_BLOCK
    blocks = BlockCache(folder / "shards", capacity=capacity, block=block)
    return prepared, There(far=far, files=prepared.files, cache=blocks)


def is_url(place: str | Path) -> bool:
    return "://" in str(place)


def default_cache() -> Path:
    """On the node's own disk: a home folder is often a network away, as far as the store itself."""
    return Path(tempfile.gettempdir()) / f"prepared-data-{os.getuid()}"


class Here:
    """A folder of this machine, its files memory-mapped."""

    def __init__(self, folder: Path, files: Mapping[str, tuple[int, str]], maps: int = MAPS) -> None:
        self.folder, self.files, self.maps = folder, dict(files), maps
        self._open: OrderedDict[str, Mapped] = OrderedDict()
        self._lock = Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return Here, (self.folder, self.files, self.maps)

    def open(self, name: str) -> Held:
        with self._lock:
            held = self._open.get(name)
            if held is None:
                held = self._open[name] = Mapped(self.folder / name, self.files[name][0])
                if len(self._open) > self.maps:
                    self._open.popitem(last=False)  # unmapped when nobody holds an array of it any more
            else:
                self._open.move_to_end(name)
            return held

    def whole(self, name: str) -> memoryview:
        """Mapped, not copied."""
        held = self.open(name)
        return held.slice(np.dtype("u1"), 0, 0, held.size).data

    def check(self, name: str) -> None:
        require_size(self.folder / name, self.files[name][0])


@dataclass(frozen=True, kw_only=True)
class There:
    """A folder behind a URL, read in blocks through the cache of this node."""

    far: Far
    files: Mapping[str, tuple[int, str]]
    cache: BlockCache

    def open(self, name: str) -> InBlocks:
        size, sha256 = self.files[name]
        return InBlocks(self.far, name, size, sha256, self.cache)

    def whole(self, name: str) -> bytes:
        size, sha256 = self.files[name]
        data = self.open(name).read(0, size)
        _require_contents(f"{self.far.url}/{name}", data, sha256)
        return data

    def check(self, name: str) -> None:
        """What lies far away is checked when it comes."""


def _copied(far: Far, folder: Path) -> Prepared:
    """The facts and the tokenizer of a far folder, in a folder of this machine that is named by their contents."""
    said = far.read("prepared.json")
    mirror = folder / "prepared" / hashlib.sha256(said).hexdigest()[:24]
    mirror.mkdir(parents=True, exist_ok=True)
    _write(mirror / "prepared.json", said)
    prepared = read_prepared(mirror)
    name = prepared.tokenizer_path.name
    if not prepared.tokenizer_path.exists():
        data = far.read(name)
        _require_contents(f"{far.url}/{name}", data, prepared.files[name][1])
        _write(prepared.tokenizer_path, data)
    return prepared


def _require_contents(where: str, data: bytes, sha256: str) -> None:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DataError(f"{where} has not the bytes that were prepared; copy the prepared folder there again")


def _write(path: Path, data: bytes) -> None:
    """Appears under its name only when whole, whoever else writes it at the same time."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    Path(file.name).replace(path)
