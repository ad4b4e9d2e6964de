"""The best layouts that a search found, in words."""

from __future__ import annotations

from orchestrator.planning.layout import Layout

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
