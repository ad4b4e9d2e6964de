"""Judged runs -> the error bands that plans show."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.planner.estimates import Judged
from benchmarks.planner.score import Errors, Pair
from benchmarks.planner.verdict import figures
from orchestrator.planning.published.bands import Band, Bands, generation_of, model_of
from orchestrator.planning.published.held_out import FEWEST


def bands_from(judged: Judged, date: str) -> tuple[Bands, ...]:
    """One for each generation of devices and kind of model among the runs, and one for each of its engines.

    A class of which fewer than FEWEST runs measured time, and as few memory, has none.
    """
    classes: dict[tuple[str, str, str], list[int]] = {}
    for place, run in enumerate(judged.runs):
        kind = generation_of(run.hardware.device.name), model_of(run.work.architecture)
        for engine in ("", run.work.layout.engine):
            classes.setdefault((*kind, engine), []).append(place)
    made = [
        Bands(
            generation=generation, model=model, engine=engine or None, date=date,
            calibrated=_band(_pairs(judged, "planner", places)), defaults=_band(_pairs(judged, "defaults", places)),
        )
        for (generation, model, engine), places in sorted(classes.items())
    ]  # fmt: skip
    return tuple(bands for bands in made if bands.calibrated.time_n or bands.calibrated.memory_n)


def _pairs(judged: Judged, planner: str, places: Sequence[int]) -> list[Pair]:
    return [(judged.runs[place], judged.estimates[planner][place]) for place in places]


def _band(pairs: Sequence[Pair]) -> Band:
    found = figures(pairs)
    time, time_n = _rounded(found.time)
    memory, memory_n = _rounded(found.memory)
    return Band(time=time, time_n=time_n, memory=memory, memory_n=memory_n)


def _rounded(errors: Errors | None) -> tuple[float | None, int]:
    return (round(errors.mape, 4), errors.n) if errors and errors.n >= FEWEST else (None, 0)
