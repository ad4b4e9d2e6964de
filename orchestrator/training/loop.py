"""The loop: take a batch, take a step, tell the callbacks, agree to go on.

It knows no engine, no file format and no scheduler. What a rank learns alone (a stop request, an error in
a callback) is exchanged after every step, so that all ranks leave the loop together or not at all.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from data_pipeline.loader import Loader
from orchestrator.engines.base import Engine, StepReport
from orchestrator.errors import DataError, RunError
from orchestrator.planning.batch import StepBatch
from orchestrator.planning.plan import Plan
from orchestrator.training.gang import Gang
from orchestrator.training.rundir import RunDir

if TYPE_CHECKING:
    from orchestrator.training.callbacks import Callback


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


def train_steps(run: Run, callbacks: Sequence[Callback], stop_asked: Callable[[], bool]) -> None:
    """Trains from `run.step` to `run.until` or until someone asks to stop; sets `run.outcome`.

    Collective. An error that one rank's callback raises ends the loop on every rank: where it happened as
    itself, elsewhere as a RunError that names the rank.
    """
    stream = _micro_batches(run)
    with contextlib.closing(stream):
        asked = _together(run, partial(_tell, callbacks, "on_start", run), stop_asked)
        while run.step < run.until and not asked:
            step = _one_step(run, stream)
            run.step = step.number
            asked = _together(run, partial(_tell, callbacks, "on_step", run, step), stop_asked)
    run.outcome = "finished" if run.finished else "interrupted" if asked else "paused"
    _together(run, partial(_tell, callbacks, "on_stop", run), stop_asked)


def _one_step(run: Run, stream: Iterator[list[torch.Tensor]]) -> Step:
    batch = run.plan.batch.at(run.step + 1)
    lr = run.plan.schedule.lr(batch.step)
    began = time.perf_counter()
    tokens = next(stream)
    waited = time.perf_counter() - began
    torch.manual_seed(random_seed(run.plan.seed, batch.step, run.gang.rank))
    report = run.engine.train_step([run.engine.objective.collate(part) for part in tokens], lr=lr)
    seconds = time.perf_counter() - began
    return Step(batch=batch, report=report, lr=lr, seconds=seconds, data_wait_s=waited)


def random_seed(seed: int, step: int, rank: int) -> int:
    """Seed of all random numbers drawn in a step: a function of position, so that a resume restores nothing."""
    return (seed * 1_000_003 + step * 4099 + rank) % 2**63


def samples_of_rank(batch: StepBatch, rank: int, data: int) -> range:
    """The contiguous slice of the step's global samples that one data-parallel rank takes."""
    share = batch.sequences // data
    first = batch.first_sample + rank * share
    return range(first, first + share)


def _micro_batches(run: Run) -> Generator[list[torch.Tensor], None, None]:
    """For each step to come, this rank's micro-batches, each LongTensor[micro_batch, s + 1]; read ahead."""
    plan = run.plan

    def indices() -> Iterator[np.ndarray]:
        for step in range(run.step + 1, run.until + 1):
            mine = samples_of_rank(plan.batch.at(step), run.gang.rank, plan.data)
            yield np.arange(mine.start, mine.stop, dtype=np.int64)

    for tokens in run.loader.batches(indices(), workers=1, ahead=2):
        yield list(tokens.split(plan.micro_batch))


def _tell(callbacks: Sequence[Callback], hook: str, *arguments: object) -> None:
    for callback in callbacks:
        getattr(callback, hook)(*arguments)


def _together(run: Run, act: Callable[[], None], stop_asked: Callable[[], bool]) -> bool:
    """Acts, then agrees with all ranks on whether anyone failed and whether anyone asks to stop."""
    error: Exception | None = None
    try:
        act()
    except Exception as raised:
        error = raised
    failed, asked = run.gang.any(error is not None, stop_asked())
    if not failed:
        return asked
    told = run.gang.gather(None if error is None else f"rank {run.gang.rank}: {type(error).__name__}: {error}")
    if isinstance(error, OSError):
        place = f" ({error.filename})" if error.filename else ""
        raise RunError(f"{error.strerror or error}{place}") from error
    if error is not None:
        raise error
    raise RunError("; ".join(message for message in told if message))


def require_same_data(found: str, expected: str) -> None:
    """Raises DataError when prepared data is not what the run was started on."""
    if found != expected:
        raise DataError(
            f"the prepared data has fingerprint {found[:12]}, and this run was started on {expected[:12]}: the mixture, its"
            " documents or the tokenizer changed. Continue with the data it was started on, or start a new run"
        )
