"""Jobs on a Ray cluster, by Ray Data: the only importer of ray in the data pipeline.

Ray Data schedules, does again what a lost node had in hand, and shows it in the dashboard; the jobs and the store are
those of every other executor, so the bytes are the same. The store must lie in a folder that all nodes share.
"""

from __future__ import annotations

import logging
import pickle
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Any

import ray
import ray.data
from ray.exceptions import RayTaskError
from ray.util.metrics import Gauge

from data_pipeline.progress import GAUGES, Event, Progress, Started, gauges
from data_pipeline.work.executor import EVERY, Say, perform_told, tell_done, ticks
from data_pipeline.work.job import Job, Output
from data_pipeline.work.store import Store
from orchestrator.errors import DataError, OrchestratorError

_TRIES = 4  # of one job; Ray Data does again what a process or node that died had in hand, and that without end
_DROPPED = "orchestrator_data_dropped_for"


class OnRay:
    """Through Ray Data, one CPU for a job, on the cluster that this process is connected to, or else on that at `address`."""

    def __init__(self, address: str) -> None:
        self._mine = not ray.is_initialized()
        if self._mine:
            threads = {"env_vars": {"RAYON_NUM_THREADS": "1"}}
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, runtime_env=threads)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.raise_original_map_exception = True
        for name in ("ray.data", "ray._private.worker"):  # they tell of every dataset; ours stand in the dashboard
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._gauges = _Gauges()

    def perform(self, stage: Started, jobs: Sequence[Job], store: Store, say: Say) -> list[Output]:
        rows = [{"number": number, "job": pickle.dumps((job, store))} for number, job in enumerate(jobs)]
        done: dict[int, Output] = {}
        work = ray.data.from_items(rows, override_num_blocks=len(rows)).map(_named(stage.stage), num_cpus=1)
        work.set_name(stage.stage)
        with _Watch(stage, store, say, self._gauges) as watch, closing(_rows(work)) as found:
            for row in found:
                number, output = row["number"], pickle.loads(row["output"])
                done[number] = output
                tell_done(jobs[number], output, watch.say)
        return [done[number] for number in range(len(jobs))]

    def close(self) -> None:
        if self._mine:
            ray.shutdown()


def _named(stage: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """`_perform` under the name of its stage, which the dashboard shows."""

    def perform(row: dict[str, Any]) -> dict[str, Any]:
        return _perform(row)

    perform.__name__ = stage
    return perform


def _perform(row: dict[str, Any]) -> dict[str, Any]:
    job, store = pickle.loads(row["job"])
    try:
        _count_try(job, store)
        output = perform_told(job, store)
    except (OrchestratorError, OSError) as error:
        raise _Failed(pickle.dumps(error)) from error
    return {"number": row["number"], "output": pickle.dumps(output)}


def _count_try(job: Job, store: Store) -> None:
    """A job that takes more memory than there is would otherwise end one process after another for ever."""
    folder = store.folder / "ticks"
    folder.mkdir(exist_ok=True)
    with (folder / f"{job.key[:32]}-tries").open("ab") as tries:
        tries.write(b".")
        tried = tries.tell()
    if tried > _TRIES:
        raise DataError(
            f"{job.title}: the process that did it on the cluster was ended from outside {_TRIES} times, most likely for want of memory; "
            "give the nodes fewer CPUs, or prepare with a smaller `block:` on the mixture page"
        )


class _Failed(Exception):  # noqa: N818
    """The error of a job, pickled: Ray Data writes words of its own into the exceptions that pass through it."""


def _rows(work: ray.data.Dataset) -> Generator[dict[str, Any], None, None]:
    """As they are done. When one fails, its error is raised here as it was there, and Ray Data begins no others.

    Those at work go on until the driver leaves the cluster, which `close` does; what they finish until then is kept.
    """
    try:
        yield from work.iter_rows()
    except RayTaskError as error:
        if isinstance(error.cause, _Failed):
            raise pickle.loads(error.cause.args[0]) from None
        raise


class _Watch:
    """Tells how far the jobs are while the driver waits for rows, to `say` and to the gauges."""

    def __init__(self, stage: Started, store: Store, say: Say, shown: _Gauges) -> None:
        self._store = store
        self._say = say
        self._shown = shown
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._progress = Progress().after(stage, time.monotonic())

    def say(self, event: Event) -> None:
        with self._lock:
            self._tell(event)

    def _tell(self, event: Event) -> None:
        self._progress = self._progress.after(event, time.monotonic())
        self._say(event)

    def _look(self) -> None:
        while not self._stop.wait(EVERY):
            with self._lock:  # while it is held no block is said to be done, so none is ticked after that
                for event in ticks(self._store):
                    self._tell(event)
            self._shown.set(self._progress.at(time.monotonic()))

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop.set()
        self._thread.join()
        self._shown.set(self._progress.at(time.monotonic()))


class _Gauges:
    """The progress on the /metrics of the driver's node, as `ray_orchestrator_data_...{stage="..."}`.

    Ray's agent forgets a gauge that is not set again for some seconds, so what is over is soon gone.
    """

    def __init__(self) -> None:
        self._gauges = {name: Gauge(name, description=text, tag_keys=("stage",)) for name, text in GAUGES.items()}
        self._dropped = Gauge(_DROPPED, description="Documents dropped, by reason", tag_keys=("stage", "reason"))

    def set(self, progress: Progress) -> None:
        stage = {"stage": progress.stage}
        for name, value in gauges(progress).items():
            self._gauges[name].set(value, tags=stage)
        for reason, number in progress.total.dropped.items():
            self._dropped.set(float(number), tags={**stage, "reason": reason})
