"""Who prepares data: this process, all cores of this machine, or a cluster that is up."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from data_pipeline.build.plan import plan_blocks
from data_pipeline.mixture import Mixture
from data_pipeline.work import Executor, InProcesses, OneByOne
from orchestrator.errors import CommandError

_SMALL = 64_000_000  # bytes of text; starting processes takes longer than the work


def executor_for(mixture: Mixture, *, cluster: str | None, workers: int | None) -> Callable[[], Executor]:
    """Makes the executor when there is something to do. `cluster` is a page; `workers` are processes, by default as it pays.

    Raises CommandError for a cluster that is not up.
    """
    if cluster is not None:
        return partial(_on_ray, cluster)
    if workers is None:
        blocks = plan_blocks(mixture)
        small = sum(each.block.size for each in blocks) < _SMALL
        workers = 1 if small else min(os.cpu_count() or 1, len(blocks))
    return OneByOne if workers == 1 else partial(InProcesses, workers)


def _on_ray(page: str) -> Executor:
    from data_pipeline.work.ray_data import OnRay
    from orchestrator.launch.cluster import address_for
    from orchestrator.spec import load_cluster

    cluster = load_cluster(page)
    address = address_for(cluster.spec, name=cluster.name)
    if address is None:
        raise CommandError(f"cluster {cluster.name} is not up\n  next: make up CLUSTER={page}")
    return OnRay(address)
