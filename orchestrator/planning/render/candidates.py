"""The best layouts that a search found, in words."""

from __future__ import annotations

from orchestrator.architecture.parts import MixtureOfExperts
from orchestrator.planning.layout import Layout
from orchestrator.planning.plan import Plan

MOST = 5


def cut_of(layout: Layout) -> str:
    """A layout in a few words: `t4 p12 d8, micro-batch 2, ZeRO 1, recompute full`; `et`: each expert's matrices on so many ranks."""
    axes = {"t": layout.tensor, "c": layout.context, "p": layout.pipeline, "v": layout.virtual, "d": layout.data, "e": layout.expert}
    used = [f"{letter}{degree}" for letter, degree in axes.items() if degree > 1] or ["d1"]
    used += [f"et{layout.expert_tensor}"] if layout.expert_tensor != layout.tensor else []
    words = [f"micro-batch {layout.micro_batch}", f"ZeRO {layout.zero}"]
    words += [f"recompute {layout.recompute}"] if layout.recompute != "none" else []
    words += [f"offload {layout.offload}"] if layout.offload != "none" else []
    return f"{' '.join(used)}, {', '.join(words)}"


def other_axes(plan: Plan) -> list[str]:
    """The axes that are in use and not always shown."""
    layout = plan.layout
    used = [f"{axis} {getattr(layout, axis)}" for axis in ("virtual", "context", "expert") if getattr(layout, axis) > 1]
    experts = any(isinstance(block.feed_forward, MixtureOfExperts) for block in plan.architecture.blocks)
    used += [f"expert_tensor {layout.expert_tensor}"] if experts and max(layout.expert_tensor, layout.tensor) > 1 else []
    return used + (["sequence parallel"] if layout.sequence_parallel else [])
