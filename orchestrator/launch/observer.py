"""What Ray Train's controller tells us about failures, kept in a file that the driver follows.

The controller restarts a gang without a word to the driver. This callback runs inside it, on the driver's
node, and writes one event for each failed attempt: which ranks, and what killed them.
"""

from __future__ import annotations

from typing import Any

from ray.train import UserCallback

from orchestrator.launch.failures import DIED, GANG_FAILED
from orchestrator.training.rundir import RunDir

DEATHS = ("The actor died unexpectedly", "Worker unexpectedly exits")


class FailureObserver(UserCallback):
    """Appends {"event": "gang_failed", "ranks": {rank: cause}} to the run's events."""

    def __init__(self, run: RunDir) -> None:
        self.run = run

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        ranks = {str(rank): explain(error) for rank, error in sorted(worker_exceptions.items())}
        self.run.event(GANG_FAILED, ranks=ranks)


def explain(error: BaseException) -> str:
    """The line that says why: the last of a traceback, or Ray's own reason for a dead worker."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if any(line.startswith(DEATHS) for line in lines):
        return DIED
    ends = [line for line in lines if not line.startswith(("^", "~"))]
    return ends[-1] if ends else type(error).__name__
