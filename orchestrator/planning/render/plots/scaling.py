"""Two curves over the number of devices: tokens per second on logarithmic axes, and MFU."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from orchestrator.planning.render.plots.legend import legend
from orchestrator.planning.render.scaling import Point, Scaling
from orchestrator.planning.render.svg import drawing, element, line, text, ticks
from orchestrator.planning.render.words import seconds
from orchestrator.units import format_count

LEFT, TOP, BOTTOM, RIGHT = 110, 16, 320, 980
STRONG, WEAK = 0, 1


def scaling_legend() -> str:
    """What both plots draw."""
    return legend(
        [(STRONG, "strong: the batch kept (the same experiment)", "strong scaling"), (WEAK, "weak: the batch grows with the devices", "weak scaling")]
    )


def speed_plot(scaling: Scaling, here: int) -> str:
    """Tokens per second; dotted, as if every device added as much as now. `here`: the plan's devices."""
    points = [*scaling.strong, *scaling.weak]
    across = _across(points)
    now = next(point for point in scaling.strong if point.devices == here)
    ends = [now.tokens_per_s / here * count for count in (min(p.devices for p in points), max(p.devices for p in points))]
    low = math.floor(math.log10(min(*ends, *(p.tokens_per_s for p in points))))
    high = math.log10(max(*ends, *(p.tokens_per_s for p in points))) * 1.005
    up = _scale(low, high, BOTTOM, TOP)
    marks = [10.0**power * factor for power in range(low, math.floor(high) + 1) for factor in (1, 2, 5) if math.log10(factor) + power <= high]
    marks = marks if len(marks) <= 9 else [mark for mark in marks if f"{mark:e}".startswith("1")]
    inside = _grid(points, across, [(up(math.log10(mark)), format_count(mark)) for mark in marks], "tokens/s")
    ideal = " ".join(f"{across(count):.1f},{up(math.log10(now.tokens_per_s / here * count)):.1f}" for count in sorted({p.devices for p in points}))
    inside.append(element("polyline", points=ideal, class_="ideal"))
    inside += _curves(scaling, across, lambda point: up(math.log10(point.tokens_per_s)), here)
    return drawing(BOTTOM + 56, "Tokens per second over the number of devices", *inside)


def mfu_plot(scaling: Scaling, here: int, convention: str) -> str:
    """Model FLOPs utilisation in percent."""
    points = [*scaling.strong, *scaling.weak]
    across, marks = _across(points), ticks(100 * max(point.mfu for point in points))
    up = _scale(0.0, marks[-1], BOTTOM, TOP)
    inside = _grid(points, across, [(up(mark), f"{mark:g} %") for mark in marks], f"MFU ({convention})")
    inside += _curves(scaling, across, lambda point: up(100 * point.mfu), here)
    return drawing(BOTTOM + 56, f"MFU over the number of devices, convention {convention}", *inside)


def _across(points: Sequence[Point]) -> Callable[[float], float]:
    low, high = (math.log2(choice(point.devices for point in points)) for choice in (min, max))
    scale = _scale(low - 0.25, high + 0.25, LEFT, RIGHT)
    return lambda devices: scale(math.log2(devices))


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (value - low) / ((high - low) or 1.0) * (end - start)


def _grid(points: Sequence[Point], across: Callable[[float], float], marks: Sequence[tuple[float, str]], unit: str) -> list[str]:
    counts = sorted({point.devices for point in points})
    drawn = [line(LEFT, height, RIGHT, height, "axis") for height, _ in marks]
    drawn += [text(LEFT - 10, height + 8, words, "soft", anchor="end") for height, words in marks]
    drawn += [text(across(count), BOTTOM + 26, f"{count:,}", "soft", anchor="middle") for count in counts]
    return [*drawn, text(RIGHT, BOTTOM + 52, "devices", "soft", anchor="end"), text(LEFT, BOTTOM + 52, unit, "soft")]


def _curves(scaling: Scaling, across: Callable[[float], float], up: Callable[[Point], float], here: int) -> list[str]:
    drawn = []
    for name, points, colour in (("strong", scaling.strong, STRONG), ("weak", scaling.weak, WEAK)):
        path = " ".join(f"{across(point.devices):.1f},{up(point):.1f}" for point in points)
        drawn.append(element("polyline", points=path, class_=f"curve s{colour}{' dashed' if name == 'weak' else ''}"))
        for point in points:
            tip = (
                f"{name}, {point.devices:,} devices: {format_count(point.tokens_per_s)} tokens/s, MFU {point.mfu:.1%},"
                f" {seconds(point.step_s)} a step of {point.sequences:,} sequences"
            )
            drawn.append(element("circle", element("title", tip), cx=across(point.devices), cy=up(point), r=6, class_=f"p{colour}"))
    now = next(point for point in scaling.strong if point.devices == here)
    return [*drawn, element("circle", element("title", "this plan"), cx=across(here), cy=up(now), r=12, class_="here")]
