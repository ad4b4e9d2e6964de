"""The best layouts that a search found, whatever it calls them: a row each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.planning.layout import Layout

if TYPE_CHECKING:
    from orchestrator.planning.plan import Plan

MOST = 5


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One layout: seconds of a step, bytes on the stage that needs most, and what was said of it."""

    layout: Layout
    step_s: float
    memory: int
    why: str = ""


def candidates_of(plan: Plan) -> tuple[Candidate, ...]:
    """The plan's best layouts, fastest first, its own among them; none where no search was asked for."""
    found = getattr(plan, "candidates", ())
    return tuple(
        Candidate(layout=one.layout, step_s=one.step_s, memory=one.memory, why=getattr(one, "why", "")) for one in found[:MOST]
    )


def cut_of(layout: Layout) -> str:
    """A layout in a few words: `t4 p12 d8, micro-batch 2, ZeRO 1, recompute full`."""
    axes = {"t": layout.tensor, "c": layout.context, "p": layout.pipeline, "v": layout.virtual, "d": layout.data, "e": layout.expert}
    used = [f"{letter}{degree}" for letter, degree in axes.items() if degree > 1] or ["d1"]
    words = [f"micro-batch {layout.micro_batch}", f"ZeRO {layout.zero}"]
    words += [f"recompute {layout.recompute}"] if layout.recompute != "none" else []
    words += [f"offload {layout.offload}"] if layout.offload != "none" else []
    return f"{' '.join(used)}, {', '.join(words)}"
