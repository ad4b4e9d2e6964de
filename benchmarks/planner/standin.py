"""Constants of a cluster by one number, until there is a fit of several."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.planning.calibration import Calibration
from orchestrator.planning.published import Run
from orchestrator.planning.timing import step_time


@dataclass(frozen=True, kw_only=True)
class Fitted:
    calibration: Calibration
    ids: tuple[str, ...]


def fit(runs: Sequence[Run]) -> Fitted:
    """Matmul efficiency on rows spread over the cluster's, at most five and a quarter of them."""
    timed = sorted((run for run in runs if run.step_s), key=lambda run: run.id)
    count = min(5, len(timed) // 4)
    chosen = timed[:: max(1, len(timed) // count)][:count] if count else []
    calibration = runs[0].hardware.calibration
    ratios = [step_time(run.work, run.hardware).total / run.step_s for run in chosen if run.step_s]
    if ratios:
        calibration = replace(calibration, matmul_efficiency=min(0.95, calibration.matmul_efficiency * statistics.median(ratios)))
    return Fitted(calibration=calibration, ids=tuple(run.id for run in chosen))
