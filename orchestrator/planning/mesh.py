"""Which rank stands where: ranks <-> coordinates on the parallel axes, as a pure function.

Neighbouring ranks share the fastest links, so the axis that talks most varies fastest: tensor, then context,
then data, then pipeline. Expert layers fold the same ranks anew: expert-tensor, expert, the data that is left,
pipeline. It is Megatron-core's default order, `tp-cp-ep-dp-pp`.

    rank = tensor + T (context + C (data + D pipeline))
         = expert_tensor + X (expert + E (expert_data + F pipeline))     X E F = T C D
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.planning.layout import Layout


@dataclass(frozen=True, kw_only=True)
class Coordinates:
    """One rank on every axis, each counted from 0."""

    tensor: int
    context: int
    data: int
    pipeline: int
    expert_tensor: int
    expert: int
    expert_data: int

    @property
    def feeds(self) -> bool:
        """Whether this is the one rank of its data-parallel replica that counts what the replica was fed."""
        return self.tensor == self.context == self.pipeline == 0


def coordinates(layout: Layout, rank: int) -> Coordinates:
    """Where `rank` of the layout's `world_size` ranks stands."""
    plane = layout.tensor * layout.context * layout.data
    pipeline, within = divmod(rank, plane)
    outer, tensor = divmod(within, layout.tensor)
    data, context = divmod(outer, layout.context)
    folded, expert_tensor = divmod(within, layout.expert_tensor)
    expert_data, expert = divmod(folded, layout.expert)
    return Coordinates(
        tensor=tensor, context=context, data=data, pipeline=pipeline,
        expert_tensor=expert_tensor, expert=expert, expert_data=expert_data,
    )  # fmt: skip


def groups(layout: Layout, *axes: str) -> list[list[int]]:
    """The groups of ranks that differ in `axes` of `Coordinates` only.

    Name axes of one folding: tensor, context, data, pipeline, or expert_tensor, expert, expert_data, pipeline.
    """
    dense = ("tensor", "context", "data", "pipeline")
    folding = dense if set(axes) <= set(dense) else ("expert_tensor", "expert", "expert_data", "pipeline")
    fixed = [axis for axis in folding if axis not in axes]
    found: dict[tuple[int, ...], list[int]] = {}
    for rank in range(layout.world_size):
        place = coordinates(layout, rank)
        found.setdefault(tuple(getattr(place, axis) for axis in fixed), []).append(rank)
    return list(found.values())
