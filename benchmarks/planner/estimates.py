"""Rows -> what each planner says of them: this one fitted and with its defaults, and one constant."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.planning.calibration import Calibration
from orchestrator.planning.flops import flops_per_token
from orchestrator.planning.memory import memory_of
from orchestrator.planning.published import Run
from orchestrator.planning.timing import step_time
from orchestrator.planning.work import Work

try:
    from orchestrator.planning.published.fit import fit
except ImportError:
    from benchmarks.planner.standin import fit  # type: ignore[assignment]

MOST_ROWS = 5
"""Of one cluster that constants may be fitted to."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Seconds of a step and bytes at its peak; None where a planner cannot say."""

    step_s: float | None = None
    peak_bytes: float | None = None


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
    return Judged(
        runs=scored, constants=fitted,
        estimates={
            "planner": tuple(_estimate(run, fitted[run.cluster].calibration) for run in scored),
            "defaults": tuple(_estimate(run, run.hardware.calibration) for run in scored),
            "constant": tuple(_constant(run, fitted[run.cluster]) for run in scored),
        },
    )  # fmt: skip


def _constants(runs: Sequence[Run], *, known: bool) -> Constants:
    found = fit(runs)
    ids = set(found.ids)
    chosen = tuple(run for run in runs if run.id in ids)
    if len(chosen) > MOST_ROWS:
        raise AssertionError(f"{runs[0].cluster} was fitted on {len(chosen)} rows; {MOST_ROWS} are allowed")
    fractions = [_ideal(run) / run.step_s for run in chosen if run.step_s]
    shares = [run.peak_bytes / run.hardware.device.memory for run in chosen if run.peak_bytes]
    return Constants(
        calibration=found.calibration, fitted=chosen, known=known, time=_mean(fractions), memory=_mean(shares),
    )  # fmt: skip


def _pooled(fitted: dict[str, Constants]) -> dict[str, Constants]:
    """A cluster with no row to fit gets the constant of all others, as this planner's defaults serve it."""
    time = _mean(value.time for value in fitted.values() if value.time)
    memory = _mean(value.memory for value in fitted.values() if value.memory)
    return {name: replace(value, time=value.time or time, memory=value.memory or memory) for name, value in fitted.items()}


def _mean(values: Iterable[float]) -> float | None:
    """Geometric: half and twice are equally wrong."""
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs)) if logs else None


def _identity(run: Run) -> tuple[tuple[str, str], ...]:
    """What makes two rows the same run, whatever they are called."""
    return tuple(sorted((name, value) for name, value in run.row.items() if name not in ("id", "notes", "verified")))


def _estimate(run: Run, calibration: Calibration) -> Estimate:
    hardware = replace(run.hardware, calibration=calibration)
    peak = max(memory.total for memory in memory_of(run.work, hardware))
    return Estimate(step_s=step_time(run.work, hardware).total, peak_bytes=peak)


def _constant(run: Run, constants: Constants) -> Estimate:
    share = constants.memory
    return Estimate(
        step_s=_ideal(run) / constants.time if constants.time else None,
        peak_bytes=share * run.hardware.device.memory if share else None,
    )  # fmt: skip


def _ideal(run: Run) -> float:
    """Seconds of a step at peak FLOP/s, of all products that are made, those computed again among them."""
    work = run.work
    flops = flops_per_token(work.architecture, work.sequence_length, _convention(work)) * work.tokens
    return flops / (work.layout.world_size * run.hardware.device.peak_at(work.precision))


def _convention(work: Work) -> str:
    """Of hardware FLOPs by what is recomputed."""
    return "SC21" if work.layout.recompute == "full" else "Korthikanti"
