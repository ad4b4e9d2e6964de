"""Sequences may grow from step to step: every engine takes each step's tensors as they come."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.parity import CONDITIONS, REFERENCE, Case, megatron
from tests.distributed import run_distributed

LENGTHS = (8, 8, 16, 32)


def losses_of(case: Case) -> list[float]:
    """On each rank: a step of each length on the same tokens for every engine; loss and gradient norm."""
    import torch

    from orchestrator.engines import make_engine
    from orchestrator.engines.base import Device
    from orchestrator.training.gang import Gang

    gang = Gang()
    plan = case.plan(gang.world_size, CONDITIONS)
    engine = make_engine(case.engine)
    engine.build(plan, Device(kind="cpu"))
    found = []
    for number, length in enumerate(LENGTHS):
        tokens = torch.arange(4 * (length + 1)).add(number).pow(2).remainder(251).view(4, length + 1)
        mine = tokens[plan.data_rank(gang.rank) :: plan.data]
        report = engine.train_step([engine.objective.collate(row) for row in mine.split(plan.micro_batch)], lr=1e-3)
        found += [report.loss, report.grad_norm]
    engine.close()
    return found


@pytest.mark.parametrize(
    "case",
    [
        megatron(workers=2, tensor=2, sequence_parallel=True), megatron(workers=2, pipeline=2), megatron(workers=2, context=2),
        megatron(workers=4, pipeline=2, context=2, family="bloom"), Case(engine="deepspeed", workers=2, zero=1),
    ],
    ids=str,
)
def test_growing_sequences_train_alike_on_every_layout(case: Case) -> None:
    [expected] = run_distributed(losses_of, 1, replace(REFERENCE, family=case.family))
    for found in run_distributed(losses_of, case.workers, case):
        assert found == pytest.approx(expected, rel=2e-5)
