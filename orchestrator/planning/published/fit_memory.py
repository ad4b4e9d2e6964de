"""The two constants of a cluster's memory from a few of its published runs, and which runs those were.

All that a model, a layout and a stack need is counted (planning/memory). Two things are not on any page: what context,
kernels and libraries take before there is a model (nothing where an allocator was read, gigabytes where nvidia-smi was),
and what the allocator holds beyond what is allocated. The estimate is linear in both, so that the most likely pair is
found by solving two equations; the stage that needs most may change, so they are solved a few times.

    minimise   sum_runs ((estimate - measured) / (NOISE measured))^2 + sum_constants ((value - default) / width)^2

The runs are those that step times are fitted to (fit.py), as far as their memory was measured: chosen by what they are and
never by how well they are estimated, and none of them is scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.planning.calibration import CUDA, Calibration
from orchestrator.planning.memory import Memory, largest, memory_of
from orchestrator.planning.memory.room import capacity
from orchestrator.planning.published.fit import AT_MOST, choose
from orchestrator.planning.published.rows import Run

NOISE = 0.05
"""What an estimate with the right constants is off by: peaks are printed in whole GB, and one layout run twice showed 38 and 44."""
FRAMEWORK_WIDTH = 1.0 * 2**30
FRAGMENTATION_WIDTH = 0.08
"""Widths of the priors: allocators were seen to hold from nothing to a quarter more than was allocated."""
MOST_FRAGMENTATION = 0.5
ROUNDS = 5


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A cluster's constants, and the ids of the runs that they were fitted to."""

    calibration: Calibration
    ids: tuple[str, ...]


def fit_memory(runs: Sequence[Run], *, at_most: int = AT_MOST) -> Fitted:
    """Fits to a few runs of one cluster; the defaults where none of those had its memory measured.

    A peak of all that the device has is no measurement: an allocator takes what there is before it gives blocks back.
    """
    base = runs[0].hardware.calibration if runs else CUDA
    chosen = [run for run in choose(runs, at_most=at_most) if _measured(run)]
    return Fitted(calibration=fitted(chosen, base), ids=tuple(run.id for run in chosen))


def fitted(runs: Sequence[Run], base: Calibration) -> Calibration:
    """The most likely constants given these runs; `base` where none had its memory measured."""
    measured, calibration = [run for run in runs if _measured(run)], base
    for _ in range(ROUNDS if measured else 0):
        calibration = _solved(measured, base, calibration)
    return calibration


def _measured(run: Run) -> bool:
    return bool(run.peak_bytes and run.peak_bytes < capacity(run.hardware))


def _solved(runs: Sequence[Run], base: Calibration, now: Calibration) -> Calibration:
    """The most likely constants, the largest stages being those under `now`.

    Each run says framework + served x fragmentation = measured - served - communicators, and each prior value = default.
    """
    equations = [(1 / FRAMEWORK_WIDTH, 0.0, base.framework_bytes / FRAMEWORK_WIDTH)]
    equations.append((0.0, 1 / FRAGMENTATION_WIDTH, base.fragmentation / FRAGMENTATION_WIDTH))
    for run in runs:
        most = _peak(run, now)
        measured = run.peak_bytes or 1.0
        served = most.total - most.slack - most.framework
        communicators = most.framework - now.framework_bytes
        scale = NOISE * measured
        equations.append((1 / scale, served / scale, (measured - served - communicators) / scale))
    framework, fragmentation = _least_squares(equations)
    if framework < 0:
        framework, fragmentation = 0.0, _one([(b, c) for _, b, c in equations])
    return replace(
        base, framework_bytes=int(framework), fragmentation=min(max(fragmentation, 0.0), MOST_FRAGMENTATION)
    )


def _peak(run: Run, calibration: Calibration) -> Memory:
    return largest(memory_of(run.work, replace(run.hardware, calibration=calibration)))


def _least_squares(equations: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """(x, y) that come nearest to a x + b y = c, in squares."""
    aa, ab, bb = (sum(e[i] * e[j] for e in equations) for i, j in ((0, 0), (0, 1), (1, 1)))
    ac, bc = (sum(e[i] * e[2] for e in equations) for i in (0, 1))
    determinant = aa * bb - ab * ab
    return (ac * bb - bc * ab) / determinant, (aa * bc - ab * ac) / determinant


def _one(equations: Sequence[tuple[float, float]]) -> float:
    """y that comes nearest to b y = c, in squares."""
    return sum(b * c for b, c in equations) / sum(b * b for b, _ in equations)
