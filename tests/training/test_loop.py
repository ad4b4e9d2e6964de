"""What the loop feeds: every replica its own samples, every rank of a replica the same, each sample counted once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from data_pipeline.loader import Samples
from orchestrator.engines.base import EvalReport, StepReport
from orchestrator.errors import DataError
from orchestrator.planning import Plan
from orchestrator.planning.mesh import coordinates, groups
from orchestrator.training.callbacks.validation import Validation
from orchestrator.training.gang import Gang
from orchestrator.training.loop import samples_of_replica, train_steps
from orchestrator.training.run import Run
from orchestrator.training.rundir import RunDir
from tests.distributed import run_distributed
from tests.plans import tiny_plan

REPLICAS, TENSOR, PIPELINE = 2, 2, 2
WORLD = REPLICAS * TENSOR * PIPELINE
STEPS = 3


def spread_plan() -> Plan:
    """Two replicas of tensor 2 x pipeline 2."""
    plan = tiny_plan(training={"validation": {"every": "1 steps", "samples": 12}})
    layout = replace(plan.layout, engine="megatron", data=REPLICAS, tensor=TENSOR, pipeline=PIPELINE)
    return replace(plan, layout=layout, batch=replace(plan.batch, data=REPLICAS))


class Recorder:
    """An engine that keeps what it was fed and draws a random number in each step."""

    def __init__(self) -> None:
        self.objective = SimpleNamespace(collate=lambda tokens, documents: {"tokens": tokens})
        self.fed: list[list[list[int]]] = []
        self.drawn: list[float] = []
        self.scored: list[list[int]] = []

    def train_step(self, batches: Iterable[dict[str, torch.Tensor]], *, lr: float) -> StepReport:
        self.fed.append([batch["tokens"].flatten().tolist() for batch in batches])
        self.drawn.append(float(torch.rand(1)))
        return StepReport(loss=1.0, grad_norm=1.0, skipped=False)

    def evaluate(self, batches: Iterable[dict[str, torch.Tensor]]) -> EvalReport:
        self.scored = [batch["tokens"].flatten().tolist() for batch in batches]
        return EvalReport(loss=1.0, tokens=1)


class Numbers:
    """A loader whose samples are their own numbers."""

    live = None

    def batches(self, arrays: Iterable[np.ndarray], *, workers: int, ahead: int, by: str) -> Iterator[Samples]:
        yield from (Samples(tokens=torch.from_numpy(array).unsqueeze(1)) for array in arrays)

    def validation(self, samples: int) -> Samples:
        return Samples(tokens=torch.arange(samples).unsqueeze(1))


def train(folder: str, shift: dict[int, int]) -> tuple[Recorder | None, str]:
    """On each rank: STEPS steps; `shift` starts some ranks so many steps too late. What was fed, and the error."""
    engine, gang = Recorder(), Gang()
    engine_of_run: Any = engine
    loader: Any = Numbers()
    behind = shift.get(gang.rank, 0)
    run = Run(
        dir=RunDir(Path(folder)), plan=spread_plan(), engine=engine_of_run, loader=loader, gang=gang, attempt=1,
        step=behind, until=STEPS + behind,
    )  # fmt: skip
    try:
        train_steps(run, [] if shift else [Validation()], lambda: False)
    except DataError as error:
        return None, str(error)
    engine.objective = SimpleNamespace()
    return engine, ""


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[Recorder]:
    answers = run_distributed(train, WORLD, str(tmp_path_factory.mktemp("loop")), {})
    assert all(error == "" for _, error in answers)
    return [engine for engine, _ in answers if engine]


def test_ranks_of_a_replica_are_fed_the_same_in_the_same_micro_batches(ranks: list[Recorder]) -> None:
    for group in groups(spread_plan().layout, "tensor", "pipeline"):
        assert len(group) == TENSOR * PIPELINE
        assert all(ranks[rank].fed == ranks[group[0]].fed for rank in group)


def test_replicas_share_out_each_batch(ranks: list[Recorder]) -> None:
    """8 sequences a step: 4 to each replica, in micro-batches of 2."""
    assert ranks[0].fed == [[[8 * step, 8 * step + 1], [8 * step + 2, 8 * step + 3]] for step in range(STEPS)]
    assert ranks[2].fed == [[[8 * step + 4, 8 * step + 5], [8 * step + 6, 8 * step + 7]] for step in range(STEPS)]
    counted = [rank for rank in range(WORLD) if coordinates(spread_plan().layout, rank).feeds]
    fed = [sample for rank in counted for step in ranks[rank].fed for micro in step for sample in micro]
    assert sorted(fed) == list(range(8 * STEPS))


def test_ranks_of_a_replica_draw_the_same_numbers_and_replicas_different_ones(ranks: list[Recorder]) -> None:
    for group in groups(spread_plan().layout, "tensor", "pipeline"):
        assert all(ranks[rank].drawn == ranks[group[0]].drawn for rank in group)
    assert not set(ranks[0].drawn) & set(ranks[2].drawn)
    assert len(set(ranks[0].drawn)) == STEPS


def test_validation_windows_are_shared_out_among_replicas_in_micro_batches_of_one_size(ranks: list[Recorder]) -> None:
    """12 windows, 6 to each replica, micro-batches of 2; a pipeline takes no shorter last one."""
    for rank in range(WORLD):
        mine = list(range(coordinates(spread_plan().layout, rank).data, 12, REPLICAS))
        assert ranks[rank].scored == [mine[:2], mine[2:4], mine[4:]]


@pytest.mark.parametrize(
    ("shift", "why"),
    [
        ({0: 1}, "the ranks were fed 8 samples with sum 60 instead of samples 0 to 7"),
        ({1: 1}, "the 4 ranks of a replica were not all fed the same of the samples"),
        ({4: 1, 5: 1, 6: 1, 7: 1}, "the 4 ranks of a replica were not all fed the same of the samples"),
    ],
    ids=["one that counts", "one that does not count", "a whole pipeline stage"],
)
def test_a_rank_at_another_position_ends_the_loop_on_all(tmp_path: Path, shift: dict[int, int], why: str) -> None:
    errors = [error for _, error in run_distributed(train, WORLD, str(tmp_path), shift)]
    assert all(errors)
    assert why in errors[2]


@pytest.mark.parametrize("data", [1, 2, 4])
def test_slices_of_replicas_tile_the_batch(data: int) -> None:
    batch = tiny_plan().batch.at(5)
    taken = [sample for replica in range(data) for sample in samples_of_replica(batch, replica, data)]
    assert taken == list(range(batch.first_sample, batch.samples_after))
