"""Where groups of ranks may lie: those that talk within every layer stay inside one node.

A tensor group across nodes trains at a third of its speed (vTrain's measurements: 3.6B at tensor 16 on nodes
of 8 devices reach 38-48 TFLOP/s per device, above 120 inside a node), which used to be found on the bill.
Gangs are placed by nodes, so links that reach beyond one (a rack of NVL72) do not widen the law yet.
"""

from __future__ import annotations

from orchestrator.errors import Problem
from orchestrator.planning.rules.case import Case, divisors, listed


def tensor_stays_in_a_node(case: Case) -> Problem | None:
    """Ranks fill nodes in order, so groups of `tensor` stay inside when `tensor` divides the devices of a node."""
    return _stays(case, "tensor", case.layout.tensor, f"tensor {case.layout.tensor}")


def experts_stay_in_a_node(case: Case) -> Problem | None:
    """The all-to-all of tokens runs within the ranks of expert_tensor x expert, twice per layer and direction."""
    layout = case.layout
    if not case.mixtures:
        return None
    group = layout.expert * layout.expert_tensor
    axis = "expert" if layout.expert > 1 else "expert_tensor"
    return _stays(case, axis, group, f"expert {layout.expert} x expert_tensor {layout.expert_tensor} = {group}")


def _stays(case: Case, axis: str, group: int, words: str) -> Problem | None:
    count = case.per_node
    if group == 1 or count % group == 0 or (group <= count and case.layout.world_size <= count):
        return None
    across = f"{group} ranks need {-(-group // count)} nodes" if group > count else f"some groups would lie on two nodes of {count}"
    return Problem(
        path=f"parallelism.{axis}",
        message=f"{words} must lie inside one node of {count} devices: {across}",
        fix=f"it must divide the devices of a node: {listed(divisors(count, at_most=count))}",
    )
