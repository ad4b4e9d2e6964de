"""Jobs on a Ray cluster, by Ray Data: the only importer of ray in the data pipeline.

Ray Data schedules, does again what a lost node had in hand, and shows it in the dashboard; the jobs and the store are
those of every other executor, so the bytes are the same. The store must lie in a folder that all nodes share.
"""

from __future__ import annotations

import logging
import pickle
import threading
from collections.abc import Sequence
from typing import Any

import ray
import ray.data

from data_pipeline.work.executor import EVERY, Say, perform_told, tell_done, ticks
from data_pipeline.work.job import Job, Output
from data_pipeline.work.store import Store
from orchestrator.errors import OrchestratorError


class OnRay:
    """Through Ray Data on the cluster at `address`, one CPU for a job."""

    def __init__(self, address: str) -> None:
        self._mine = not ray.is_initialized()
        if self._mine:
            threads = {"env_vars": {"RAYON_NUM_THREADS": "1"}}
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, runtime_env=threads)
        ray.data.DataContext.get_current().enable_progress_bars = False
        for name in ("ray.data", "ray._private.worker"):  # they tell of every dataset; ours stand in the dashboard
            logging.getLogger(name).setLevel(logging.ERROR)

    def perform(self, jobs: Sequence[Job], store: Store, say: Say) -> list[Output]:
        rows = [{"number": number, "job": pickle.dumps((job, store))} for number, job in enumerate(jobs)]
        done: dict[int, Output] = {}
        with _Watch(store, say):
            work = ray.data.from_items(rows, override_num_blocks=len(rows)).map(_perform, num_cpus=1)
            for row in work.iter_rows():
                result = pickle.loads(row["result"])
                if isinstance(result, Exception):
                    raise result
                done[row["number"]] = result
                tell_done(jobs[row["number"]], result, say)
        return [done[number] for number in range(len(jobs))]

    def close(self) -> None:
        if self._mine:
            ray.shutdown()


class _Watch:
    """Tells how far the jobs are while the driver waits for rows."""

    def __init__(self, store: Store, say: Say) -> None:
        self._store = store
        self._say = say
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._stop.wait(EVERY):
            for event in ticks(self._store):
                self._say(event)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop.set()
        self._thread.join()


def _perform(row: dict[str, Any]) -> dict[str, Any]:
    job, store = pickle.loads(row["job"])
    try:
        result: Any = perform_told(job, store)
    except (OrchestratorError, OSError) as error:  # ours, and the disk's: raised again where the user is
        result = error
    return {"number": row["number"], "result": pickle.dumps(result)}
