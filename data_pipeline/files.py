"""Files that are whole or not there, on disk before anything is said of them."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def force(path: Path) -> None:
    """Returns when the file, or the folder's list of names, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


PARTIAL = ".partial"


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to; when the block ends, what was written is on disk under the name `path`, or nothing is.

    Writers of the same file do not meet: each has a name of its own until it is done.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}{PARTIAL}")
    try:
        yield partial
        force(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)  # renamed already when all went well


def write_file(path: Path, text: str) -> None:
    """Writes a small file, in a folder that is made where there is none: a reader sees the old or the new one, never a part.

    When it returns, the file and its name are on disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as partial:
        partial.write_text(text, "utf-8")
    force(path.parent)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
