"""Which rank stands on which device, before and after the gang has its place.

Ranks fill nodes in order: rank r is device r mod count of node r div count. Since tensor varies fastest and pipeline
slowest (mesh.py), tensor groups lie inside a node and neighbouring stages on neighbouring nodes. A scheduler that
hands out nodes in another order, or half a node, breaks that without an error: training is merely slow; the worker
holds the real nodes against the plan (training/hosts.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.planning.layout import Layout
from orchestrator.planning.mesh import coordinates

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


def node_lines(plan: Plan) -> list[str]:
    """What a screen shows beside a table of stages: a row per node for few ranks, else how groups lie."""
    return [_node_line(plan, node) for node in range(plan.nodes)] if _few(plan) else [_groups_line(plan.layout, plan.per_node)]


def _few(plan: Plan) -> bool:
    return plan.nodes <= 4 and plan.per_node <= 8 and plan.pipeline + plan.nodes <= MOST_LINES


def _node_line(plan: Plan, node: int) -> str:
    ranks = range(node * plan.per_node, min((node + 1) * plan.per_node, plan.world_size))
    return f"node {node}: " + " | ".join(label(plan.layout, rank) for rank in ranks)


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
