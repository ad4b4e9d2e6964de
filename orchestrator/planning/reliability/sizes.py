"""On how many nodes a run can go on: data-parallel replicas can be fewer, what is inside one cannot."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.planning.plan import Plan


def replicas(plan: Plan) -> tuple[int, ...]:
    """Data degrees below the plan's that divide every batch, ascending; none where the page says `data`.

    Memory is not asked again: with ZeRO a rank of fewer replicas holds more, and the planner may refuse it.
    """
    if plan.spec.parallelism.data is not None:
        return ()
    sizes = [segment.sequences for segment in plan.batch.segments]
    return tuple(data for data in range(1, plan.data) if all(size % (data * plan.micro_batch) == 0 for size in sizes))


def node_counts(plan: Plan, nodes: int) -> tuple[int, ...]:
    """The same as counts of nodes, of a run on `nodes` of them that has the plan's proportions."""
    counts = {math.ceil(nodes * data / plan.data) for data in replicas(plan)}
    return tuple(sorted(count for count in counts if count < nodes))
