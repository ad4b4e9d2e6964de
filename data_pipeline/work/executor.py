"""Who does jobs: this process, several processes of this machine, or (ray_data.py) a cluster.

All of them do the same jobs on the same store, so none of them can change a byte of the result.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Protocol

from data_pipeline.progress import Event, Finished, Line, Started, Ticked
from data_pipeline.work.job import Job, Output
from data_pipeline.work.parents import live_with
from data_pipeline.work.store import Store
from orchestrator.errors import DataError

Say = Any  # Callable[[Event], None]; mypy takes a dataclass union in a Callable field for a method
_ATTEMPTS = 3
EVERY = 0.5  # seconds between two looks at how far jobs are


class Executor(Protocol):
    """Does the independent jobs of a stage and gives what is left of each, in the order of the jobs."""

    def perform(self, stage: Started, jobs: Sequence[Job], store: Store, say: Say) -> list[Output]: ...

    def close(self) -> None: ...


class OneByOne:
    """In this process."""

    def perform(self, stage: Started, jobs: Sequence[Job], store: Store, say: Say) -> list[Output]:
        outputs = []
        for job in jobs:
            outputs.append(store.perform(job, say))
            tell_done(job, outputs[-1], say)
        return outputs

    def close(self) -> None: ...


class InProcesses:
    """In `number` processes of this machine. One that dies is replaced, and its job done again."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._pool: ProcessPoolExecutor | None = None
        self._leash: Any = None

    def perform(self, stage: Started, jobs: Sequence[Job], store: Store, say: Say) -> list[Output]:
        done: dict[int, Output] = {}
        failures = 0
        while missing := [number for number in range(len(jobs)) if number not in done]:
            before = len(done)
            try:
                with closing(self._all(jobs, missing, store, say)) as found:
                    for number, output in found:
                        done[number] = output
                        tell_done(jobs[number], output, say)
            except BrokenProcessPool:
                failures = 1 if len(done) > before else failures + 1
                if failures == _ATTEMPTS:
                    raise DataError(
                        f"a process that prepared data was ended from outside {failures} times in a row, most likely for want of memory; "
                        "prepare with fewer workers, or with a smaller `block:` on the mixture page"
                    ) from None
                say(Line("a process that prepared data was ended from outside; its work is done again"))
        return [done[number] for number in range(len(jobs))]

    def _all(self, jobs: Sequence[Job], chosen: list[int], store: Store, say: Say) -> Generator[tuple[int, Output], None, None]:
        if self._pool is None:
            context = get_context("spawn")
            here, self._leash = context.Pipe(duplex=False)
            self._pool = ProcessPoolExecutor(self._number, context, _begin, (os.getpid(), here))
        with _interrupts_held():  # a worker begins when there is work for it, and Ctrl-C is for this process alone
            pending: dict[Future[Output], int] = {self._pool.submit(perform_told, jobs[n], store): n for n in chosen}
        try:
            while pending:
                finished, _ = wait(pending, timeout=EVERY, return_when=FIRST_COMPLETED)
                for event in ticks(store):
                    say(event)
                for future in finished:
                    number, output = pending[future], future.result()
                    del pending[future]
                    yield number, output
        finally:
            if pending:
                self._abandon()

    def _abandon(self) -> None:
        """Ends the processes at once: what they have in hand will be done again, and would be waited for."""
        assert self._pool is not None
        self._leash.close()
        self._pool.shutdown(cancel_futures=True)
        self._pool = None

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def tell_done(job: Job, output: Output, say: Say) -> None:
    """What a job came to in the end, which it may have been too quick to tell, and that it is done."""
    if "came_to" in output.facts:
        say(Ticked(job.title, **output.facts["came_to"]))
    say(Finished(job.title))


def perform_told(job: Job, store: Store) -> Output:
    """Does a job in another process than the one that asked; how far it is stands in a file."""
    folder = store.folder / "ticks"
    folder.mkdir(exist_ok=True)
    path = folder / f"{job.key[:32]}-{os.getpid()}.json"
    last = 0.0

    def tick(event: Ticked) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY:
            last = time.monotonic()
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps(asdict(event)), "utf-8")
            partial.replace(path)

    try:
        return store.perform(job, tick)
    finally:
        for left in folder.glob(f"{job.key[:32]}-*"):  # its own, and that of a process that died over the same job
            left.unlink(missing_ok=True)


def ticks(store: Store) -> Iterator[Event]:
    """How far the jobs are that are done elsewhere."""
    for path in sorted((store.folder / "ticks").glob("*.json")):
        with suppress(FileNotFoundError):  # done since
            yield Ticked(**json.loads(path.read_text("utf-8")))


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Processes that begin meanwhile never see SIGINT, not even while they begin; this one sees it afterwards."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _begin(parent: int, leash: Connection) -> None:
    """The first thing that a worker does: it has one core, and ends with who started it."""
    os.environ["RAYON_NUM_THREADS"] = "1"
    live_with(parent, leash)
