"""Files that are whole or not there, on disk before anything is said of them."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


def force(path: Path) -> None:
    """Returns when the file, or the folder's list of names, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


PARTIAL = ".partial"
_LOOK_S = 0.2  # between two looks at a lock that another holds


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


@contextmanager
def lock(path: Path, busy: Callable[[], None], *, patience: float = math.inf) -> Iterator[bool]:
    """Holds the lock of a file, which one process can hold at a time and which ends with it; True when it is held.

    busy: called once when another has it. Raises TimeoutError when it has it still after `patience` seconds. False on a file
    system without locks.
    """
    deadline = time.monotonic() + patience
    with path.open("a") as file:
        found = _locked(file)
        if found is None:
            busy()
        while found is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path} is locked by another process")
            time.sleep(_LOOK_S)
            found = _locked(file)
        yield found


def _locked(file: TextIO) -> bool | None:
    """Whether the lock is held now, None when another has it, False when there are no locks here."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise
        return False
    return True
