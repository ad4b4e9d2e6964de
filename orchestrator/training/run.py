"""A run in progress, one of its steps, and the hooks that callbacks have on both."""

from __future__ import annotations

from dataclasses import dataclass

from data_pipeline.loader import Loader
from orchestrator.engines.base import Engine, StepReport
from orchestrator.planning.batch import StepBatch
from orchestrator.planning.mesh import Coordinates, coordinates
from orchestrator.planning.plan import Plan
from orchestrator.training.gang import Gang
from orchestrator.training.rundir import RunDir


@dataclass(kw_only=True)
class Run:
    """A run in progress on this rank: what callbacks may look at. `step` counts finished steps."""

    dir: RunDir
    plan: Plan
    engine: Engine
    loader: Loader
    gang: Gang
    attempt: int
    until: int
    """Last step of this attempt; smaller than the plan's when the command line said so."""
    step: int = 0
    outcome: str = ""

    @property
    def place(self) -> Coordinates:
        """Where this rank stands in the layout. Its share of data is that of `place.data`, never that of its rank."""
        return coordinates(self.plan.layout, self.gang.rank)

    @property
    def finished(self) -> bool:
        return self.step >= self.plan.total_steps


@dataclass(frozen=True, kw_only=True)
class Step:
    """One finished step, as callbacks see it. `data_wait_s` is the part of `seconds` spent waiting for data."""

    batch: StepBatch
    report: StepReport
    lr: float
    seconds: float
    data_wait_s: float

    @property
    def number(self) -> int:
        return self.batch.step


class Callback:
    """Hooks of the loop. `on_stop` is called when the loop ends without an error; see `run.outcome`."""

    def on_start(self, run: Run) -> None:
        """Before the first step of this attempt."""

    def on_step(self, run: Run, step: Step) -> None:
        """After each optimizer step."""

    def on_stop(self, run: Run) -> None:
        """After the last step of this attempt."""
