"""Whether somebody prepares a folder: a file in it that whoever does so rewrites every few seconds.

A run that waits for data must not wait for ever for a preparation that died. A lock would tell at once, but not on every
file system that nodes share, and the clocks of two nodes differ. So who asks looks whether the file changes, and
measures by its own clock for how long it has not.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NAME = "preparing.json"
EVERY = 2.0  # seconds between two changes
PATIENCE = 60.0  # seconds without one: a node that is busy, or sees files late, is not a dead one


@contextmanager
def preparing(folder: Path) -> Iterator[None]:
    """Says as long as it lasts, from a thread, that this process prepares the folder."""
    path, over = folder / NAME, threading.Event()

    def beat() -> None:
        turn = 0
        while True:
            with suppress(OSError):  # a full disk is told by the work that it stops, not by a thread
                path.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "turn": turn}), "utf-8")
            turn += 1
            if over.wait(EVERY):
                return

    thread = threading.Thread(target=beat, name="preparing", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        path.unlink(missing_ok=True)


class Watch:
    """Called now and then, tells whether the file has changed within `patience` seconds, as far as this process saw."""

    def __init__(self, folder: Path, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self.patience, self._clock = folder / NAME, patience, clock
        self._seen: bytes | None = None
        self._changed: float | None = None

    def __call__(self) -> bool:
        now = self._clock()
        found: bytes | None = None
        with suppress(FileNotFoundError):  # nobody yet, or no longer
            found = self._path.read_bytes()
        if self._changed is None or found != self._seen:
            self._seen, self._changed = found, now
        return now - self._changed < self.patience
