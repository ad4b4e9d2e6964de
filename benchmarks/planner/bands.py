"""Judged runs -> the error bands that plans show."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.planner.estimates import Judged
from benchmarks.planner.score import Errors, Pair
from benchmarks.planner.verdict import figures
from orchestrator.planning.published.bands import Band, Bands, generation_of


def bands_from(judged: Judged, date: str) -> tuple[Bands, ...]:
    """One for each generation of devices and engine among the runs, in alphabetical order."""
    classes: dict[tuple[str, str], list[int]] = {}
    for place, run in enumerate(judged.runs):
        classes.setdefault((generation_of(run.hardware.device.name), run.work.layout.engine), []).append(place)
    return tuple(
        Bands(
            generation=generation, engine=engine, date=date, calibrated=_band(_pairs(judged, "planner", places)),
            defaults=_band(_pairs(judged, "defaults", places)),
        )
        for (generation, engine), places in sorted(classes.items())
    )  # fmt: skip


def _pairs(judged: Judged, planner: str, places: Sequence[int]) -> list[Pair]:
    return [(judged.runs[place], judged.estimates[planner][place]) for place in places]


def _band(pairs: Sequence[Pair]) -> Band:
    found = figures(pairs)
    time, time_n = _rounded(found.time)
    memory, memory_n = _rounded(found.memory)
    return Band(time=time, time_n=time_n, memory=memory, memory_n=memory_n)


def _rounded(errors: Errors | None) -> tuple[float | None, int]:
    return (round(errors.mape, 4), errors.n) if errors else (None, 0)
