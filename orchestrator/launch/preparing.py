"""Who prepares data: this process, all cores of this machine, or a cluster that is up."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from data_pipeline.build.plan import plan_blocks
from data_pipeline.mixture import Mixture
from data_pipeline.progress import Started
from data_pipeline.work import Executor, InProcesses, Job, OneByOne, Output, Store
from orchestrator.errors import CommandError

_SMALL = 64_000_000  # bytes of text; starting processes takes longer than the work


def executor_for(
    mixture: Mixture, cache: Path, *, cluster: str | None = None, workers: int | None = None
) -> Callable[[], Executor]:
    """Makes the executor when there is something to do. `cluster` is a page; `workers` are processes, by default as it pays.

    Ray's own words go to a file in `cache`. Making it raises CommandError for a cluster that is not up. Raises it for both
    a cluster and workers.
    """
    if cluster is not None and workers is not None:
        raise CommandError(f"--workers {workers} are processes of this machine, and --cluster {cluster} names another place; say one of the two")
    if cluster is not None:
        return partial(_on_ray, cluster, cache / ".work" / "ray.log")
    return partial(_here, mixture, workers)


def _here(mixture: Mixture, workers: int | None) -> Executor:
    if workers is None:
        blocks = plan_blocks(mixture)
        small = sum(each.block.size for each in blocks) < _SMALL
        workers = 1 if small else min(os.cpu_count() or 1, len(blocks))
    return OneByOne() if workers == 1 else InProcesses(workers)


def _on_ray(page: str, log: Path) -> Executor:
    from orchestrator.launch.cluster import address_for
    from orchestrator.launch.jobs import code_of
    from orchestrator.launch.session import attached
    from orchestrator.spec import load_cluster

    cluster = load_cluster(page)
    address = address_for(cluster.spec, name=cluster.name)
    if address is None:
        raise CommandError(f"cluster {cluster.name} is not up\n  next: make up CLUSTER={page}")
    connection = ExitStack()
    code = code_of(environment={"RAYON_NUM_THREADS": "1"}) if address != "auto" else None
    connection.enter_context(attached(log, address=address, runtime_env=code))
    from data_pipeline.work.ray_data import OnRay

    return _Connected(executor=OnRay(address), connection=connection)


@dataclass(frozen=True, kw_only=True)
class _Connected:
    """An executor whose connection to the cluster ends with it."""

    executor: Executor
    connection: ExitStack

    def perform(self, stage: Started, jobs: Sequence[Job], store: Store, say: Any) -> list[Output]:
        return self.executor.perform(stage, jobs, store, say)

    def close(self) -> None:
        self.executor.close()
        self.connection.close()
