"""Samples of data that is still being prepared: as far as it is there, and then when the next wave comes.

The order is decided by the list of waves, not by the moment at which they came (order/schedule.py), so what is read
before a wave comes is what is read after it, on every rank and in every later run. All that happens here is to wait.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from data_pipeline.admitted import NAME, Admitted, read_admitted
from data_pipeline.alive import PATIENCE, Watch
from data_pipeline.prepared import Prepared
from data_pipeline.stored.orders import Windows
from data_pipeline.stored.reader import Arrays, Origin, SampleReader
from data_pipeline.stored.storage import Here, Storage
from orchestrator.errors import DataError

EVERY = 0.5  # seconds between two looks for the next wave


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """What was there at one moment. `mark`: of the list of waves, to see that it changed."""

    admitted: Admitted
    order: Windows
    reader: SampleReader
    mark: tuple[int, ...]


class Live:
    """A reader of the samples of a folder that grows. Safe for threads; may be pickled for another process.

    order: makes the order of what is there. patience: seconds without a sign of a preparation after which there is none.

    Raises DataError when a sample is asked for that nobody will prepare, or a shard is damaged.
    """

    def __init__(self, folder: Path, order: Callable[[Prepared], Windows], patience: float = PATIENCE) -> None:
        self._folder, self._make, self._patience = folder, order, patience
        self._watch = Watch(folder, patience)
        self._lock = Lock()
        self._now = self._open()

    def __reduce__(self) -> tuple[type[Live], tuple[Path, Callable[[Prepared], Windows], float]]:
        return Live, (self._folder, self._make, self._patience)

    @property
    def order(self) -> Windows:
        """Of what is there."""
        return self._now.order

    @property
    def first(self) -> tuple[Prepared, Storage]:
        """What was there after the first wave. Windows to be judged on are those of it, whatever comes later."""
        prepared = self._now.admitted.so_far(1)
        return prepared, Here(prepared.folder, prepared.files)

    @property
    def admitted(self) -> Admitted:
        return self._now.admitted

    def there(self, samples: int) -> bool:
        """Whether so many samples can be had without waiting; True also when there will never be more."""
        if not _holds(self._now, samples):
            self._look()
        return _holds(self._now, samples)

    def require_going_on(self) -> None:
        """Raises DataError when somebody waits and nobody prepares."""
        if self._watch() or self._now.admitted.complete:
            return
        raise DataError(
            f"{self._folder} has {len(self._now.admitted.waves)} waves of shards, the run needs more, and nobody has prepared any for "
            f"{self._watch.patience:.0f} s; prepare the rest with `make data`, or begin where the run stopped with `make resume`, "
            "which prepares them too"
        )

    def tokens(self, indices: np.ndarray) -> np.ndarray:
        return self._with(indices).tokens(indices)

    def read(self, indices: np.ndarray, *, apart: bool) -> Arrays:
        return self._with(indices).read(indices, apart=apart)

    def describe(self, indices: np.ndarray) -> list[Origin]:
        return self._with(indices).describe(indices)

    def _with(self, indices: np.ndarray) -> SampleReader:
        samples = int(np.max(indices, initial=-1)) + 1
        while not self.there(samples):
            self.require_going_on()
            time.sleep(EVERY)
        return self._now.reader

    def _look(self) -> None:
        with self._lock:
            if not self._now.admitted.complete and _mark(self._folder) != self._now.mark:
                found = self._open()
                if len(found.admitted.waves) > len(self._now.admitted.waves):
                    self._now = found

    def _open(self) -> _Opened:
        mark = _mark(self._folder)
        admitted = read_admitted(self._folder)
        if admitted is None:
            raise DataError(f"{self._folder} holds nothing to train on yet (no {NAME}); begin when the first shards are there")
        prepared = admitted.so_far()
        order = self._make(prepared)
        reader = SampleReader(prepared, Here(prepared.folder, prepared.files), order)
        return _Opened(admitted=admitted, order=order, reader=reader, mark=mark)


def _holds(opened: _Opened, samples: int) -> bool:
    end = opened.order.samples.samples
    return end is None or samples <= end or opened.admitted.complete


def _mark(folder: Path) -> tuple[int, ...]:
    """Differs when the list of waves was written anew. The file is opened, since what a node remembers of names may be old."""
    try:
        descriptor = os.open(folder / NAME, os.O_RDONLY)
    except FileNotFoundError:
        return ()
    try:
        found: Any = os.fstat(descriptor)
        return found.st_ino, found.st_size, found.st_mtime_ns
    finally:
        os.close(descriptor)
