"""The pipeline's schedule of one step: a row per stage, forward and backward passes over time, idle where empty."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.planning.render.plots.legend import legend
from orchestrator.planning.render.svg import WIDTH, drawing, line, rect, text
from orchestrator.planning.render.timeline import Operation, Timeline
from orchestrator.planning.render.words import seconds

LEFT, RIGHT, TOP, GAP = 80, 10, 6, 44
WHOLE, WINDOW = 96, 36
"""Passes of a stage that are drawn as they are; of more, about so many at either end."""
FORWARD, BACKWARD, AFTER = 0, 3, 4


@dataclass(frozen=True, kw_only=True)
class _Window:
    """A span of time and where it lies across the drawing."""

    start: float
    end: float
    left: float
    scale: float

    def at(self, time: float) -> float:
        return self.left + (min(max(time, self.start), self.end) - self.start) * self.scale

    def has(self, start: float, end: float) -> bool:
        return end > self.start and start < self.end


def timeline_plot(timeline: Timeline) -> str:
    """All of a step, or its beginning and its end where the middle repeats itself."""
    height = 22 if timeline.stages <= 16 else 12
    windows = _windows(timeline)
    bottom = TOP + height * timeline.stages
    inside = [
        rect(window.left, TOP + height * stage, window.at(window.end) - window.left, height, "idle", f"stage {stage}: idle")
        for window in windows for stage in range(timeline.stages)
    ]  # fmt: skip
    inside += [text(LEFT - 10, TOP + height * (stage + 0.7), f"stage {stage}", "small", anchor="end") for stage in range(timeline.stages)]
    for window in windows:
        shown = (operation for operation in timeline.operations if window.has(operation.start, operation.end))
        inside += [part for operation in shown for part in _operation(operation, window, height, timeline.chunks)]
        inside += _after(timeline, window, height) + _axis(window, bottom)
    if len(windows) > 1:
        middle = (windows[0].at(windows[0].end) + windows[1].left) / 2
        inside.append(text(middle, TOP + height * timeline.stages / 2 + 5, "· · ·", "soft", anchor="middle"))
    entries = [(FORWARD, "forward", "forward passes"), (BACKWARD, "backward", "backward passes, with what is computed again")]
    entries += [(AFTER, ", ".join(timeline.after), "after the last backward pass")] if timeline.after else []
    name = f"Schedule of {timeline.micro_batches} micro-batches on {timeline.stages} stages"
    return legend(entries) + drawing(bottom + 30, name, *inside)


def _windows(timeline: Timeline) -> list[_Window]:
    whole = timeline.end + sum(timeline.after.values())
    passes = 2 * timeline.micro_batches * timeline.chunks
    room = float(WIDTH - LEFT - RIGHT)
    ramp = max(operation.end for operation in timeline.operations if operation.micro_batch == 0 and operation.kind == "forward")
    span = max(timeline.end * WINDOW / passes, 1.3 * ramp)
    if passes <= WHOLE or 2 * span > 0.8 * whole:
        return [_Window(start=0.0, end=whole, left=LEFT, scale=room / whole)]
    last = span + whole - timeline.end
    scale = (room - GAP) / (span + last)
    return [
        _Window(start=0.0, end=span, left=LEFT, scale=scale),
        _Window(start=whole - last, end=whole, left=LEFT + span * scale + GAP, scale=scale),
    ]


def _operation(operation: Operation, window: _Window, height: float, chunks: int) -> list[str]:
    left, right = window.at(operation.start), window.at(operation.end)
    colour = FORWARD if operation.kind == "forward" else BACKWARD
    top = TOP + height * operation.stage
    chunk = f", chunk {operation.chunk}" if chunks > 1 else ""
    tip = (
        f"stage {operation.stage}: {operation.kind} of micro-batch {operation.micro_batch}{chunk},"
        f" {seconds(operation.end - operation.start)} from {seconds(operation.start)}"
    )
    drawn = [rect(left, top + 1, right - left, height - 2, f"p{colour} edge", tip)]
    words = str(operation.micro_batch)
    if right - left >= 5.6 * len(words) + 1.5 and height >= 16:
        drawn.append(text((left + right) / 2, top + height * 0.66, words, "inside", anchor="middle"))
    return drawn


def _after(timeline: Timeline, window: _Window, height: float) -> list[str]:
    """What every stage does when the last backward pass is over."""
    drawn, start = [], timeline.end
    for name, lasts in timeline.after.items():
        if window.has(start, start + lasts):
            left, right = window.at(start), window.at(start + lasts)
            tip = f"{name}, {seconds(lasts)}"
            drawn += [rect(left, TOP + height * stage + 1, right - left, height - 2, f"p{AFTER} edge", tip) for stage in range(timeline.stages)]
        start += lasts
    return drawn


def _axis(window: _Window, bottom: float) -> list[str]:
    """Times at both ends of a window."""
    drawn = []
    for time, anchor in ((window.start, "start"), (window.end, "end")):
        at = window.at(time)
        drawn += [line(at, bottom, at, bottom + 6, "axis"), text(at, bottom + 20, seconds(time), "soft small", anchor=anchor)]
    return drawn
