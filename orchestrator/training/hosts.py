"""Do the ranks of each group that talks in every layer share a node? Asked of the nodes that the ranks are really on.

A tensor-parallel group across two nodes trains right, at a fraction of the speed, and says nothing. The
launcher places gangs so that it cannot happen; this check holds whoever placed them.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.errors import PlacementError
from orchestrator.planning.layout import Layout
from orchestrator.planning.mesh import groups


def require_groups_on_one_node(layout: Layout, nodes: Sequence[str]) -> None:
    """`nodes`: one name per rank, in rank order. Raises PlacementError that names the first group across nodes."""
    for name, axes in (("tensor", ("tensor",)), ("expert", ("expert_tensor", "expert"))):
        every = groups(layout, *axes)
        across = [group for group in every if len({nodes[rank] for rank in group}) > 1]
        if across:
            raise PlacementError(_explain(f"{len(across)} of {len(every)} {name}-parallel groups", across, nodes))


def _explain(which: str, across: Sequence[Sequence[int]], nodes: Sequence[str]) -> str:
    size = len(across[0])
    held = {node: sum(nodes[rank] == node for rank in range(len(nodes))) for node in dict.fromkeys(nodes)}
    where = ", ".join(f"rank {rank} on {nodes[rank]}" for rank in across[0][:4]) + (", ..." if size > 4 else "")
    return (
        f"{which}, of {size} ranks each, lie across nodes; the first has {where}\n"
        f"  exists   ranks on each node: {', '.join(f'{count} on {node}' for node, count in list(held.items())[:8])}\n"
        f"  fix      start a multiple of {size} ranks on each node, or write a degree that divides {min(held.values())}"
    )
