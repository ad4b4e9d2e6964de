"""Which rank stands on which device, before and after the gang has its place.

Ranks fill nodes in order: rank r is device r mod count of node r div count. Since tensor varies fastest and pipeline
slowest (mesh.py), tensor groups lie inside a node and neighbouring stages on neighbouring nodes. A scheduler that
hands out nodes in another order, or half a node, breaks that without an error: training is merely slow; the worker
holds the real nodes against the plan (training/hosts.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

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
    if _few(plan):
        stages = [f"stage {stage}: {describe(chunks)}" for stage, chunks in enumerate(plan.stages)] if layout.pipeline > 1 else []
        return [*stages, *node_lines(plan)]
    rows = [_stage_line(plan, stage, chunks) for stage, chunks in enumerate(plan.stages)]
    most = MOST_LINES - 1
    if len(rows) > most:
        head, tail = (most - 1) // 2, most - 1 - (most - 1) // 2
        rows = [*rows[:head], f"... {len(rows) - head - tail} stages more", *rows[-tail:]]
    return [*rows, _groups_line(layout, per_node)]


def node_lines(plan: Plan) -> list[str]:
    """What a screen shows beside a table of stages: a row per node for few ranks, else how groups lie."""
    return [_node_line(plan, node) for node in range(plan.nodes)] if _few(plan) else [_groups_line(plan.layout, plan.per_node)]


def _few(plan: Plan) -> bool:
    return plan.nodes <= 4 and plan.per_node <= 8 and plan.pipeline + plan.nodes <= MOST_LINES


def describe(chunks: Sequence[Chunk]) -> str:
    """`embedding + layers 0-4`, in model order; several chunks joined by commas."""
    return ", ".join(
        ("embedding + " if chunk.embedding else "") + _span("layer", chunk.first, chunk.last - 1) + (" + head" if chunk.head else "")
        for chunk in chunks
    )


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
