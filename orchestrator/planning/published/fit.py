"""The constants of a cluster from a few of its published runs, and which runs those were.

A planner fitted to the runs that it is judged by shows nothing. So at most five runs of a cluster are fitted to, chosen
by what they are and never by how well they are estimated, and the others are what is scored. Five runs cannot say ten
numbers: each has a prior around its default, and moves only as far as the runs insist (maximum a posteriori).

    minimise   sum_runs (log(estimate / measured) / NOISE)^2 + sum_constants (log(value / default) / width)^2
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.planning.calibration import CUDA, Calibration, most_matmul
from orchestrator.planning.published.rows import Run
from orchestrator.planning.timing import step_time

AT_MOST = 5
NOISE = 0.05
"""What an estimate with the right constants is off by: measurements of one layout differ by 0.03, versions of a stack by up to 0.12."""
SOFT = 1.0
"""Errors in units of NOISE beyond which a run counts as unexplained."""
PRIORS: Mapping[str, float] = {
    "matmul_efficiency": 0.15, "attention_efficiency": 0.4, "expert_efficiency": 0.3, "memory_efficiency": 0.2, "launch_overhead_s": 0.5,
    "link_efficiency": 0.2, "link_latency_s": 0.5, "network_efficiency": 0.4, "network_latency_s": 0.5,
    "overlap": 0.2, "step_overhead_s": 1.0,
}  # fmt: skip
"""Widths of the priors in natural logarithms: data sheets, micro-benchmarks and other stacks scatter so."""

_ABOVE = 1 + 1e-6
"""Bounds of a fit may not meet where it begins."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A cluster's constants, and the ids of the runs that they were fitted to."""

    calibration: Calibration
    ids: tuple[str, ...]


def fit(runs: Sequence[Run], *, at_most: int = AT_MOST) -> Fit:
    """Fits to a few of the runs of one cluster; the defaults where there is only one run."""
    chosen = choose(runs, at_most=at_most)
    if not chosen:
        return Fit(calibration=runs[0].hardware.calibration if runs else CUDA, ids=())
    return Fit(calibration=fitted(chosen), ids=tuple(run.id for run in chosen))


def choose(runs: Sequence[Run], *, at_most: int = AT_MOST) -> list[Run]:
    """Runs that stand for the others: each next one brings the others' distances to their nearest down the most.

    No more than a half of them, so that as many are left to score; never one that was not timed. Distances are between
    logarithms of sizes, degrees and lengths; ties go to the first by id, so the choice is the same everywhere.
    """
    timed = sorted((run for run in runs if run.step_s), key=lambda run: run.id)
    count = min(at_most, len(timed) // 2)
    places = [_place(run) for run in timed]
    apart = [[math.dist(one, other) for other in places] for one in places]
    nearest = [math.inf] * len(timed)
    chosen: list[int] = []
    for _ in range(count):
        best = min(
            (index for index in range(len(timed)) if index not in chosen),
            key=lambda index: sum(map(min, nearest, apart[index])),
        )
        chosen.append(best)
        nearest = list(map(min, nearest, apart[best]))
    return [timed[index] for index in chosen]


def fitted(runs: Sequence[Run]) -> Calibration:
    """The most likely constants given these runs and the priors."""
    from scipy.optimize import least_squares

    base = runs[0].hardware.calibration
    names = [name for name in PRIORS if getattr(base, name)]
    defaults = [getattr(base, name) for name in names]
    limits = {"matmul_efficiency": max(base.matmul_efficiency * _ABOVE, most_matmul(runs[0].hardware.device.name))}
    highest = [
        math.log(limits.get(name, 1.0) / value) if _fraction(name) else 3.0 for name, value in zip(names, defaults, strict=True)
    ]

    def residuals(shifts: Sequence[float]) -> list[float]:
        known = _shifted(base, names, shifts)
        errors = [
            _soft(math.log(step_time(run.work, replace(run.hardware, calibration=known)).total / (run.step_s or 1.0)) / NOISE)
            for run in runs
        ]  # fmt: skip
        return errors + [shift / PRIORS[name] for name, shift in zip(names, shifts, strict=True)]

    made = least_squares(residuals, [0.0] * len(names), bounds=([-3.0] * len(names), highest), diff_step=1e-3, max_nfev=50)
    return _shifted(base, names, made.x)


def _soft(error: float) -> float:
    """Squared, 2 s^2 (sqrt(1 + (error / s)^2) - 1): a run that nothing explains pulls by its distance, not by its square."""
    return math.copysign(SOFT * math.sqrt(2 * (math.sqrt(1 + (error / SOFT) ** 2) - 1)), error)


def _shifted(base: Calibration, names: Sequence[str], shifts: Sequence[float]) -> Calibration:
    return replace(base, **{name: getattr(base, name) * math.exp(shift) for name, shift in zip(names, shifts, strict=True)})


def _fraction(name: str) -> bool:
    return name == "overlap" or name.endswith("efficiency")


_SIZES: tuple[Callable[[Run], float], ...] = (
    lambda run: run.work.layout.world_size, lambda run: run.work.layout.tensor, lambda run: run.work.layout.pipeline,
    lambda run: run.work.layout.micro_batch, lambda run: run.work.layout.expert, lambda run: run.work.layout.context,
    lambda run: run.work.micro_batches, lambda run: run.work.sequence_length, lambda run: len(run.work.architecture.blocks),
    lambda run: run.work.architecture.hidden, lambda run: 1 + run.work.layout.zero,
    lambda run: {"none": 1, "selective": 2, "full": 4}[run.work.layout.recompute],
)  # fmt: skip


def _place(run: Run) -> tuple[float, ...]:
    return tuple(math.log(size(run)) for size in _SIZES)
