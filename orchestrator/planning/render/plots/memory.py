"""Memory of a rank on every stage: a bar of its parts, against what the device has."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.planning.memory import Memory
from orchestrator.planning.render.parts import OF_MEMORY, memory_parts, parts_of
from orchestrator.planning.render.plots.legend import legend
from orchestrator.planning.render.style import COLOURS
from orchestrator.planning.render.svg import WIDTH, drawing, line, rect, text, ticks
from orchestrator.units import format_bytes

LEFT, RIGHT, TOP = 96, 96, 26


def memory_plot(memories: Sequence[Memory], limit: int) -> str:
    """A row per stage, in GiB from 0; the dashed line is the device's memory."""
    unit, scale_name = (2**30, "GiB") if limit >= 2**32 else (2**20, "MiB")
    names = parts_of(memories)
    row = 26 if len(memories) <= 24 else 16
    marks = ticks(max(limit, *(memory.total for memory in memories)) / unit)
    scale = (WIDTH - LEFT - RIGHT) / marks[-1] / unit
    bottom = TOP + row * len(memories) + 4
    inside = [line(LEFT + mark * unit * scale, TOP - 4, LEFT + mark * unit * scale, bottom, "axis") for mark in marks]
    inside += [text(LEFT + mark * unit * scale, bottom + 18, f"{mark:g}", "soft small", anchor="middle") for mark in marks]
    inside.append(text(WIDTH - RIGHT + 28, bottom + 18, scale_name, "soft small"))
    worst = max(range(len(memories)), key=lambda stage: memories[stage].total)
    at = LEFT + limit * scale
    inside += [line(at, TOP - 6, at, bottom, "limit"), text(at, TOP - 10, f"device {format_bytes(limit)}", "soft small", anchor="middle")]
    for stage, memory in enumerate(memories):
        inside += _row(stage, memory, names, scale, TOP + row * stage, row, strong=stage == worst and len(memories) > 1, single=len(memories) == 1)
    drawn = drawing(bottom + 26, "Memory of a rank on every pipeline stage, by part", *inside)
    return legend((names.index(name) % COLOURS, name, OF_MEMORY.get(name, name)) for name in names) + drawn


def _row(
    stage: int, memory: Memory, names: Sequence[str], scale: float, top: float, height: float, *, strong: bool, single: bool
) -> list[str]:
    name = "every rank" if single else f"stage {stage}"
    weight = "strong" if strong else ""
    drawn = [text(LEFT - 10, top + height * 0.65, name, weight, anchor="end")]
    start = float(LEFT)
    for part, value in memory_parts(memory).items():
        width = value * scale
        drawn.append(rect(start, top + 2, width, height - 5, f"p{names.index(part) % COLOURS}", f"{name}: {part} {format_bytes(value)}"))
        start += width
    return [*drawn, text(start + 8, top + height * 0.65, format_bytes(memory.total), weight)]
