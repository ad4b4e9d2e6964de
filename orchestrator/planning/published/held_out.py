"""How far constants are off on the runs of their own cluster that they were not fitted to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace

from orchestrator.planning.calibration import Calibration
from orchestrator.planning.memory import largest, memory_of
from orchestrator.planning.published.rows import Run
from orchestrator.planning.timing import step_time

FEWEST = 3
"""Runs below which a mean error says nothing."""


def kinds_of(runs: Sequence[Run]) -> dict[str, list[str]]:
    """What runs are of, as a page's `error_on` says it."""
    works = [run.work for run in runs if run.step_s or run.peak_bytes]
    return {
        "engine": sorted({work.layout.engine for work in works}), "precision": sorted({work.precision for work in works}),
        "model": sorted({"mixture" if work.architecture.mixture else "dense" for work in works}),
    }  # fmt: skip


def errors_of(runs: Sequence[Run], known: Calibration) -> dict[str, float]:
    """Mean absolute relative error by `time` and `memory`, of those of the two that enough of the runs measured."""
    ours = [(run, replace(run.hardware, calibration=known)) for run in runs]
    found = {
        "time": [step_time(run.work, hardware).total / run.step_s - 1 for run, hardware in ours if run.step_s],
        "memory": [largest(memory_of(run.work, hardware)).total / run.peak_bytes - 1 for run, hardware in ours if run.peak_bytes],
    }
    return {name: statistics.fmean(map(abs, each)) for name, each in found.items() if len(each) >= FEWEST}
