"""A step's seconds, part after part, each beginning where the one before ends."""

from __future__ import annotations

from orchestrator.planning.render.parts import OF_TIME, time_parts
from orchestrator.planning.render.plots.legend import legend
from orchestrator.planning.render.svg import WIDTH, drawing, line, rect, text, ticks
from orchestrator.planning.render.words import seconds
from orchestrator.planning.timing import StepTime

KINDS = {"computing": 0, "communication, not hidden": 1, "waiting": 6, "optimizer": 3}
_KIND = {
    **dict.fromkeys(("products", "attention", "elementwise", "recomputed"), "computing"),
    **dict.fromkeys(("tensor", "context", "expert", "sends", "gradients", "gathers"), "communication, not hidden"),
    "optimizer": "optimizer",
}  # fmt: skip
LEFT, RIGHT, TOP, ROW = 120, 150, 8, 26


def kind_of(part: str) -> str:
    """Computing, communication, the optimizer's step, or waiting."""
    return _KIND.get(part, "waiting")


def waterfall_plot(step: StepTime) -> str:
    """A row per part, and the whole at the foot; milliseconds where the step is shorter than two seconds."""
    unit, name = (1.0, "s") if step.total >= 2 else (1e-3, "ms")
    parts = time_parts(step)
    marks = ticks(step.total / unit)
    scale = (WIDTH - LEFT - RIGHT) / marks[-1] / unit
    bottom = TOP + ROW * (len(parts) + 1) + 4
    inside = [line(LEFT + mark * unit * scale, TOP, LEFT + mark * unit * scale, bottom, "axis") for mark in marks]
    inside += [text(LEFT + mark * unit * scale, bottom + 18, f"{mark:g}", "soft small", anchor="middle") for mark in marks]
    inside.append(text(WIDTH - RIGHT + 28, bottom + 18, name, "soft small"))
    start = 0.0
    for place, (part, value) in enumerate(parts.items()):
        top = TOP + ROW * place
        told = f"{seconds(value)} · {value / step.total:.1%}"
        inside += [
            text(LEFT - 10, top + 17, part, anchor="end"),
            rect(LEFT + start * scale, top + 2, max(1.0, value * scale), ROW - 5, f"p{KINDS[kind_of(part)]}", f"{OF_TIME.get(part, part)}: {told}"),
            text(LEFT + (start + value) * scale + 8, top + 17, told),
        ]
        start += value
    top = TOP + ROW * len(parts)
    inside += [
        text(LEFT - 10, top + 17, "step", "strong", anchor="end"),
        rect(LEFT, top + 10, step.total * scale, 5, "p6", seconds(step.total)),
        text(LEFT + step.total * scale + 8, top + 17, seconds(step.total), "strong"),
    ]
    used = [kind for kind in KINDS if any(kind_of(part) == kind for part in parts)]
    return legend((KINDS[kind], kind, kind) for kind in used) + drawing(bottom + 26, "Seconds of one step, by part", *inside)
