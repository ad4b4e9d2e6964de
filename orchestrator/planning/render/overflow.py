"""The layout that was refused for its memory: which stage overflows, by how much, and the bar to see it by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from orchestrator.errors import PlanError
from orchestrator.planning.hardware import Hardware, hardware_of
from orchestrator.planning.layout import Layout
from orchestrator.planning.memory import Memory, capacity, memory_of, needed
from orchestrator.planning.render.candidates import cut_of
from orchestrator.planning.render.lines import LABEL, Ink, hanging, labelled, within
from orchestrator.planning.render.stages import fullest, stage_table
from orchestrator.planning.stages import Stages
from orchestrator.planning.work import work_of
from orchestrator.spec.cluster import ClusterSpec
from orchestrator.spec.run import RunSpec
from orchestrator.units import format_bytes


@dataclass(frozen=True, kw_only=True)
class Overflow:
    """A legal layout that no device holds. Memory in bytes on one rank of every stage."""

    layout: Layout
    hardware: Hardware
    stage_memory: tuple[Memory, ...]
    stages: Stages

    @property
    def stage(self) -> int:
        """The stage that needs most."""
        return fullest(_least(self.stage_memory))

    @property
    def beyond(self) -> int:
        """Bytes that the stage needs more than the device has."""
        return needed(self.stage_memory[self.stage]) - capacity(self.hardware)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "layout": asdict(self.layout),
            "stage": self.stage,
            "beyond": self.beyond,
            "memory": self.hardware.device.memory,
            "usable": capacity(self.hardware),
            "stages": [asdict(memory) | {"total": memory.total, "needed": needed(memory)} for memory in self.stage_memory],
        }


def refusal(error: PlanError, found: Overflow | None) -> dict[str, Any]:
    """What `FORMAT=json` says of a run that cannot be planned."""
    problems = [asdict(replace(problem, about=None)) for problem in error.problems]
    told = [{name: value for name, value in problem.items() if name != "about"} for problem in problems]
    return {"fits": False, "problems": told, **(found.as_dict() if found else {})}


def overflow_of(error: PlanError, spec: RunSpec[Any], cluster: ClusterSpec) -> Overflow | None:
    """The layout that a refusal speaks of; None where memory was not why."""
    layout = next((problem.about for problem in error.problems if isinstance(problem.about, Layout)), None)
    if layout is None:
        return None
    hardware = hardware_of(cluster)
    work = work_of(spec, spec.model.architecture(), layout)
    return Overflow(layout=layout, hardware=hardware, stage_memory=memory_of(work, hardware), stages=work.stages)


def render_overflow(found: Overflow, title: str, *, width: int = 100, colour: bool = False) -> str:
    """The verdict and the bars."""
    ink, width = Ink(colour), within(width)
    limit, layout = capacity(found.hardware), found.layout
    need = needed(found.stage_memory[found.stage])
    where = f"stage {found.stage} of {layout.pipeline}" if layout.pipeline > 1 else "every rank"
    verdict = (
        f"{where} needs {format_bytes(need)} of {format_bytes(limit)},"
        f" {format_bytes(found.beyond)} too much, with {layout.engine}: {cut_of(layout)}"
    )
    lines = labelled("fits", f"no; {verdict}", width)
    lines[0] = lines[0].replace("no;", f"{ink('bad', 'no')};", 1)
    over = sum(needed(memory) > limit for memory in found.stage_memory)
    note = [f"  {'':<{LABEL}}{over} of {layout.pipeline} stages overflow; what is behind the | is beyond the device"] if over > 1 and layout.pipeline > 1 else []
    table = stage_table(_least(found.stage_memory), found.stages, layout, found.hardware.per_node, limit, width, ink)
    return "\n".join([*hanging("", title, width), *lines, *note, "", *table])


def _least(memories: Sequence[Memory]) -> tuple[Memory, ...]:
    """What stages cannot do without, of which a refusal speaks: without what the allocator would give back."""
    return tuple(
        replace(memory, cached=0, slack=memory.slack - (memory.total - memory.cached - needed(memory))) for memory in memories
    )
