"""What a search found, as data: the best layouts, and why each is not the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.planning.layout import Layout
from orchestrator.planning.memory import Memory
from orchestrator.planning.timing import StepTime
from orchestrator.units import format_bytes, format_duration

_AS_FAST = 0.001
_TIE = 1e-9
"""Below which times count as equal and the plainer layout comes first (best.preference)."""
"""A difference of step time that is none."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A layout that breaks no rule and fits. `memory`: one rank of the stage that needs most."""

    layout: Layout
    step: StepTime
    memory: Memory
    reason: str
    """Why it was chosen, or what it loses to the one that was."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "layout": asdict(self.layout),
            "step": asdict(self.step) | {"total": self.step.total},
            "memory": asdict(self.memory) | {"total": self.memory.total},
            "reason": self.reason,
        }


@dataclass(frozen=True, kw_only=True)
class Searched:
    """How far a search looked.

    legal: layouts that break no rule; estimated: those whose time was, since a bound said that they could be among the best;
    fitted: those of them whose memory was estimated, as they were among the best so far, and fits.
    unsettled: by which fraction of the best time something that was not estimated could still be faster; 0: nothing is.
    """

    legal: int
    estimated: int
    fitted: int
    unsettled: float = 0.0


def explained(found: Sequence[tuple[Layout, StepTime, Memory]], device_memory: int) -> tuple[Candidate, ...]:
    """Candidates of layouts, the best first."""
    return tuple(
        Candidate(
            layout=layout, step=step, memory=memory,
            reason=_loses(step, memory, found[0][1], found[0][2], device_memory) if position else _wins(step),
        )
        for position, (layout, step, memory) in enumerate(found)
    )  # fmt: skip


def _wins(step: StepTime) -> str:
    largest = sorted(asdict(step).items(), key=lambda part: -part[1])[:3]
    parts = ", ".join(f"{name} {value / step.total:.0%}" for name, value in largest if value > 0)
    return f"the shortest step, {format_duration(step.total)}: {parts}"


def _loses(step: StepTime, memory: Memory, best: StepTime, least: Memory, device_memory: int) -> str:
    slower = step.total / best.total - 1
    if slower <= _AS_FAST:
        more = memory.total - least.total
        why = "as fast, and less plain" if slower < _TIE else f"as fast within {_AS_FAST:.1%}"
        return f"{why}; {format_bytes(memory.total)} of {format_bytes(device_memory)}, {format_bytes(more)} more" if more > 0 else why
    mine, other = asdict(step), asdict(best)
    part = max(mine, key=lambda name: mine[name] - other[name])
    return f"{slower:.1%} slower: {part} {_seconds(mine[part])} instead of {_seconds(other[part])}"


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.3g} ms"
