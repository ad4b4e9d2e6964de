"""Rows -> what each planner says of them: this one fitted and with its defaults, and one constant.

The constant is a fraction, of peak FLOP/s for time and of device memory for memory: `constant` is the one with the least
mean error on the rows that were fitted, `best constant` that on the rows that are scored, which no constant can beat.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from orchestrator.planning.calibration import Calibration
from orchestrator.planning.flops import flops_per_token
from orchestrator.planning.memory import fits, memory_of
from orchestrator.planning.published import Run
from orchestrator.planning.published.fit import fit
from orchestrator.planning.published.fit_memory import fit_memory
from orchestrator.planning.timing import step_time
from orchestrator.planning.work import Work

MOST_ROWS = 5
"""Of one cluster that constants may be fitted to."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Seconds of a step and bytes at its peak; None where a planner cannot say. `fits`: whether it would be tried at all."""

    step_s: float | None = None
    peak_bytes: float | None = None
    fits: bool = True


@dataclass(frozen=True, kw_only=True)
class Constants:
    """Of one cluster: the fitted calibration, the runs it was fitted to, and whether those are other than the rows judged.

    time, memory: the one constant: fraction of peak FLOP/s, recomputation counted; fraction of device memory.
    """

    calibration: Calibration
    fitted: tuple[Run, ...]
    known: bool
    time: float | None
    memory: float | None


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Runs that are scored, by position, with the estimates of each planner by its name."""

    runs: tuple[Run, ...]
    constants: dict[str, Constants]
    estimates: dict[str, tuple[Estimate, ...]] = field(default_factory=dict)


def judge(runs: Sequence[Run], shipped: Sequence[Run]) -> Judged:
    """Fits every cluster among `runs` and estimates what was not fitted.

    `shipped`: runs whose clusters are known; the same as `runs` where those that ship are judged.
    """
    clusters = dict.fromkeys(run.cluster for run in runs)
    known = {run.cluster for run in shipped}
    fitted: dict[str, Constants] = {}
    for cluster in clusters:
        own = [run for run in (shipped if cluster in known else runs) if run.cluster == cluster]
        fitted[cluster] = _constants(own, known=cluster in known and shipped is not runs)
    fitted = _pooled(fitted)
    used = {_identity(run) for constants in fitted.values() for run in constants.fitted}
    scored = tuple(run for run in runs if _identity(run) not in used)
    best = {cluster: _fractions([run for run in scored if run.cluster == cluster]) for cluster in clusters}
    return Judged(
        runs=scored, constants=fitted,
        estimates={
            "planner": tuple(_estimate(run, fitted[run.cluster].calibration) for run in scored),
            "defaults": tuple(_estimate(run, run.hardware.calibration) for run in scored),
            "constant": tuple(_constant(run, fitted[run.cluster].time, fitted[run.cluster].memory) for run in scored),
            "best constant": tuple(_constant(run, *best[run.cluster]) for run in scored),
        },
    )  # fmt: skip


def _constants(runs: Sequence[Run], *, known: bool) -> Constants:
    found, memory = fit(runs), fit_memory(runs)
    ids = {*found.ids, *memory.ids}
    chosen = tuple(run for run in runs if run.id in ids)
    if len(chosen) > MOST_ROWS:
        raise AssertionError(f"{runs[0].cluster} was fitted on {len(chosen)} rows; {MOST_ROWS} are allowed")
    both = replace(
        found.calibration, framework_bytes=memory.calibration.framework_bytes, fragmentation=memory.calibration.fragmentation
    )  # fmt: skip
    time, share = _fractions(chosen)
    return Constants(calibration=both, fitted=chosen, known=known, time=time, memory=share)


def _fractions(runs: Sequence[Run]) -> tuple[float | None, float | None]:
    """The fractions of peak FLOP/s and of device memory with the least mean error on some runs; None where none tells."""
    slow = [run.step_s / _ideal(run) for run in runs if run.step_s]
    full = [run.peak_bytes / run.hardware.device.memory for run in runs if run.peak_bytes]
    time = _least_error(slow)
    return (1 / time if time else None), _least_error(full)


def _least_error(values: Sequence[float]) -> float | None:
    """The x that minimises sum |x / v - 1|: the median of the values, each weighing 1 / v."""
    half = sum(1 / value for value in values) / 2
    for value in sorted(values):
        half -= 1 / value
        if half <= 0:
            return value
    return None


def _pooled(fitted: dict[str, Constants]) -> dict[str, Constants]:
    """A cluster with no row to fit gets the median constant of all others, as this planner's defaults serve it."""
    times = [value.time for value in fitted.values() if value.time]
    memories = [value.memory for value in fitted.values() if value.memory]
    time, memory = (statistics.median(values) if values else None for values in (times, memories))
    return {name: replace(value, time=value.time or time, memory=value.memory or memory) for name, value in fitted.items()}


def _identity(run: Run) -> tuple[tuple[str, str], ...]:
    """What makes two rows the same run, whatever they are called."""
    return tuple(sorted((name, value) for name, value in run.row.items() if name not in ("id", "notes", "verified")))


def _estimate(run: Run, calibration: Calibration) -> Estimate:
    hardware = replace(run.hardware, calibration=calibration)
    stages = memory_of(run.work, hardware)
    peak = max(stage.total for stage in stages)
    return Estimate(step_s=step_time(run.work, hardware).total, peak_bytes=peak, fits=fits(stages, hardware))


def _constant(run: Run, time: float | None, memory: float | None) -> Estimate:
    return Estimate(
        step_s=_ideal(run) / time if time else None, peak_bytes=memory * run.hardware.device.memory if memory else None
    )  # fmt: skip


def _ideal(run: Run) -> float:
    """Seconds of a step at peak FLOP/s, of all products that are made, those computed again among them."""
    work = run.work
    flops = flops_per_token(work.architecture, work.sequence_length, _convention(work)) * work.tokens
    return flops / (work.layout.world_size * run.hardware.device.peak_at(work.precision))


def _convention(work: Work) -> str:
    """Of hardware FLOPs by what is recomputed."""
    return "SC21" if work.layout.recompute == "full" else "Korthikanti"
