"""Which rank stands on which device, before and after the gang has its place.

Ranks fill nodes in order: rank r is device r mod count of node r div count. Since tensor varies fastest and pipeline
slowest (mesh.py), tensor groups lie inside a node and neighbouring stages on neighbouring nodes. A scheduler that
hands out nodes in another order, or half a node, breaks that without an error: training is merely slow, or two
ranks meet on one device. `check_hosts` holds the plan against the hosts that the gang was given.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.errors import PlacementError, Problem
from orchestrator.planning.layout import Layout
from orchestrator.planning.mesh import coordinates
from orchestrator.planning.stages import Chunk

if TYPE_CHECKING:
    from orchestrator.planning.plan import Plan

MOST_RANKS_LISTED = 4096
MOST_LINES = 16
_LETTERS = {"pipeline": "p", "data": "d", "context": "c", "tensor": "t", "expert": "e"}


def axes_of_map(layout: Layout) -> list[str]:
    """The axes worth showing: those always on the screen, and context and expert where they are used."""
    return [axis for axis in _LETTERS if axis not in ("context", "expert") or getattr(layout, axis) > 1]


def label(layout: Layout, rank: int) -> str:
    """`p0 d3 t1`."""
    place = coordinates(layout, rank)
    return " ".join(f"{_LETTERS[axis]}{getattr(place, axis)}" for axis in axes_of_map(layout))


def map_as_data(layout: Layout, per_node: int) -> dict[str, Any]:
    """For plan.json: one label per rank, in rank order; above 4096 ranks the ranks of each stage only."""
    told: dict[str, Any] = {"per_node": per_node, "axes": {_LETTERS[axis]: axis for axis in axes_of_map(layout)}}
    if layout.world_size <= MOST_RANKS_LISTED:
        return told | {"ranks": [label(layout, rank) for rank in range(layout.world_size)]}
    plane = layout.world_size // layout.pipeline
    stages = [{"first_rank": stage * plane, "ranks": plane, "first_node": stage * plane // per_node} for stage in range(layout.pipeline)]
    return told | {"stages": stages}


def map_lines(plan: Plan) -> list[str]:
    """The map on a screen: a line per stage; then, for few ranks, a row per node, else how groups lie."""
    layout, per_node = plan.layout, plan.per_node
    few = plan.nodes <= 4 and per_node <= 8 and layout.pipeline + plan.nodes <= MOST_LINES
    if few:
        stages = [f"stage {stage}: {describe(chunks)}" for stage, chunks in enumerate(plan.stages)] if layout.pipeline > 1 else []
        return [*stages, *(_node_line(plan, node) for node in range(plan.nodes))]
    rows = [_stage_line(plan, stage, chunks) for stage, chunks in enumerate(plan.stages)]
    most = MOST_LINES - 1
    if len(rows) > most:
        head, tail = (most - 1) // 2, most - 1 - (most - 1) // 2
        rows = [*rows[:head], f"... {len(rows) - head - tail} stages more", *rows[-tail:]]
    return [*rows, _groups_line(layout, per_node)]


def describe(chunks: Sequence[Chunk]) -> str:
    """`embedding + layers 0-4`, in model order; several chunks joined by commas."""
    return ", ".join(
        ("embedding + " if chunk.embedding else "") + _span("layer", chunk.first, chunk.last - 1) + (" + head" if chunk.head else "")
        for chunk in chunks
    )


def check_hosts(plan: Plan, hosts: Sequence[str], local_ranks: Sequence[int]) -> None:
    """Holds the plan against the gang's hosts and local ranks, both in rank order. Raises PlacementError with the numbers.

    A tensor group and an expert group must lie on one host; and where the model is split, each node must have been
    given as many consecutive ranks as planned (several planned nodes may be raylets of one host).
    """
    layout = plan.layout
    if len(hosts) != plan.world_size or len(local_ranks) != plan.world_size:
        raise _misplaced(f"the plan has {plan.world_size} ranks, and the gang {len(hosts)} ranks on {len(set(hosts))} hosts")
    for words, size in (("tensor", layout.tensor), ("expert x expert_tensor", _expert_group(layout))):
        for first in range(0, plan.world_size, size):
            given = list(dict.fromkeys(hosts[first : first + size]))
            if len(given) > 1:
                raise _misplaced(
                    f"the {words} group of ranks {first}-{first + size - 1} must lie on one host, and lies on {', '.join(given)}"
                )
    if layout.tensor * layout.pipeline * layout.context * layout.expert == 1:
        return
    for first, host, count in _runs(hosts, local_ranks):
        planned = min(plan.per_node, plan.world_size - first)
        if first % plan.per_node or (count != planned and (count % plan.per_node and first + count != plan.world_size)):
            raise _misplaced(
                f"host {host} was given {count} ranks from rank {first}, and the plan has {planned} consecutive ranks there"
                f" (nodes of {plan.per_node})"
            )


def _runs(hosts: Sequence[str], local_ranks: Sequence[int]) -> list[tuple[int, str, int]]:
    """(first rank, host, ranks) of every stretch of ranks on one node; a local rank of 0 begins a new one."""
    starts = [
        rank for rank, host in enumerate(hosts)
        if rank == 0 or host != hosts[rank - 1] or local_ranks[rank] == 0
    ]  # fmt: skip
    edges = [*starts, len(hosts)]
    return [(first, hosts[first], after - first) for first, after in itertools.pairwise(edges)]


def _misplaced(message: str) -> PlacementError:
    fix = "give whole nodes in one order (Ray places by node), or lower tensor and expert to what one host has"
    return PlacementError([Problem(path="parallelism", message=message, fix=fix)])


def _expert_group(layout: Layout) -> int:
    return layout.expert * layout.expert_tensor if layout.expert > 1 else 1


def _node_line(plan: Plan, node: int) -> str:
    ranks = range(node * plan.per_node, min((node + 1) * plan.per_node, plan.world_size))
    return f"node {node}: " + " | ".join(label(plan.layout, rank) for rank in ranks)


def _stage_line(plan: Plan, stage: int, chunks: Sequence[Chunk]) -> str:
    plane = plan.world_size // plan.pipeline
    first, last = stage * plane, (stage + 1) * plane - 1
    nodes = _span("node", first // plan.per_node, last // plan.per_node)
    return f"stage {stage}: {describe(chunks)}, {nodes}, {_span('rank', first, last)}"


def _groups_line(layout: Layout, per_node: int) -> str:
    inside: list[str] = []
    across: list[str] = []
    for name, size, stride in (
        ("tensor", layout.tensor, 1),
        ("expert", layout.expert, layout.expert_tensor),
        ("context", layout.context, layout.tensor),
        ("data", layout.data, layout.tensor * layout.context),
    ):
        if size > 1:
            (inside if per_node % (size * stride) == 0 else across).append(f"{name} groups of {size}")
    parts = [f"{', '.join(found)} {where}" for found, where in ((inside, "inside a node"), (across, "across nodes")) if found]
    return "; ".join(parts) or "one rank per stage"


def _span(name: str, first: int, last: int) -> str:
    return f"{name} {first}" if first == last else f"{name}s {first}-{last}"
