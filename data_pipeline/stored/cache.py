"""Blocks of far files in a folder of bounded size, shared by all threads and processes of a node.

Reading a shard of an object store window by window asks the store for every few kilobytes; copying all
of it first takes longer than the run has, and more disk than the node has. So files are fetched in
blocks, and the blocks used longest ago make room for new ones.

    FOLDER/blocks/SHA256-NUMBER     a block, then the CRC-32 of its bytes; named by the contents of its file
    FOLDER/held                     bytes of all blocks; never fewer than there are
    FOLDER/lock                     held while a block is added

A block appears under its name when it is whole. One that is being read when another process removes it
stays readable: on POSIX a file lives as long as it is open. Nothing is forced to disk: after a power
cut a block that does not match its CRC is fetched again.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from orchestrator.errors import CommandError
from orchestrator.units import format_bytes

_CRC = 4
_ROOM = 0.1
"""Share of the capacity that is freed at once, so that few additions have to look through the folder."""


class BlockCache:
    """Holds at most `capacity` bytes in `folder`. Raises CommandError for a capacity of fewer than 16 blocks."""

    def __init__(self, folder: Path, *, capacity: int, block: int) -> None:
        if capacity < 16 * block:
            told = f"a cache of {format_bytes(capacity)} is too small for blocks of {format_bytes(block)}"
            raise CommandError(f"{told}; give it at least {format_bytes(16 * block)}")
        self.folder, self.capacity, self.block = folder, capacity, block
        self._blocks = folder / "blocks"
        self._blocks.mkdir(parents=True, exist_ok=True)
        self._known: set[str] = set()
        self._fetching: dict[str, Lock] = {}
        self._mutex = Lock()

    def __reduce__(self) -> tuple[Callable[..., BlockCache], tuple[Path, int, int]]:
        return _remade, (self.folder, self.capacity, self.block)

    def read(self, name: str, start: int, end: int, size: int, fetch: Callable[[], bytes]) -> bytes:
        """Bytes [start, end) of the block `name` of `size` bytes; `fetch` gets the block where it is not held."""
        if (found := self._held(name, start, end, size)) is not None:
            return found
        with self._mutex:
            alone = self._fetching.setdefault(name, Lock())
        with alone:
            if (found := self._held(name, start, end, size)) is not None:
                return found
            block = fetch()
            self._add(name, block)
        with self._mutex:
            self._fetching.pop(name, None)
        return block[start:end]

    def _held(self, name: str, start: int, end: int, size: int) -> bytes | None:
        """The bytes, or None where the block is not held whole. The first look of a process checks the CRC."""
        try:
            handle = os.open(self._blocks / name, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            os.utime(handle)
            if name in self._known:
                found = os.pread(handle, end - start, start)
                return found if len(found) == end - start else None
            whole = os.pread(handle, size + _CRC + 1, 0)
        finally:
            os.close(handle)
        if len(whole) != size + _CRC or _sealed(whole[:size]) != whole:
            return None
        self._known.add(name)
        return whole[start:end]

    def _add(self, name: str, block: bytes) -> None:
        path, partial = self._blocks / name, self.folder / "partial"
        sealed = _sealed(block)
        with self._locked():
            before = path.stat().st_size if path.exists() else 0
            held = self._total() + len(sealed) - before
            if held > self.capacity:
                held = self._make_room(len(sealed), keep=name) + len(sealed)
            (self.folder / "held").write_text(str(held))
            partial.write_bytes(sealed)
            partial.replace(path)
        self._known.add(name)

    def _total(self) -> int:
        try:
            return int((self.folder / "held").read_text())
        except (FileNotFoundError, ValueError):  # a new folder, or a power cut
            return sum(size for _, size, _ in self._listed())

    def _make_room(self, needed: int, keep: str) -> int:
        """Removes the blocks used longest ago; returns the bytes of those that stay, `keep` not counted."""
        found = sorted(entry for entry in self._listed() if entry[2] != keep)
        held = sum(size for _, size, _ in found)
        limit = int(self.capacity * (1 - _ROOM)) - needed
        for _, size, name in found:
            if held <= limit:
                break
            (self._blocks / name).unlink()
            self._known.discard(name)
            held -= size
        return held

    def _listed(self) -> Iterator[tuple[int, int, str]]:
        """(time of last use, bytes, name) of every block."""
        with os.scandir(self._blocks) as entries:
            for entry in entries:
                facts = entry.stat()
                yield facts.st_mtime_ns, facts.st_size, entry.name

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _remade(folder: Path, capacity: int, block: int) -> BlockCache:
    return BlockCache(folder, capacity=capacity, block=block)


def _sealed(block: bytes) -> bytes:
    return block + zlib.crc32(block).to_bytes(_CRC, "little")
