"""What every engine that splits a model must do besides training: survive a bad step, and be asked between steps."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.parity import Case, megatron, micro_batches
from tests.distributed import run_distributed

SPLIT = [
    *(Case(workers=2, zero=zero) for zero in (0, 1, 2, 3)),
    megatron(workers=2, tensor=2),
    megatron(workers=2),
    megatron(workers=2, pipeline=2),
]


def poisoned(case: Case) -> tuple[Any, bool, int, Any]:
    """One step with an infinite weight on the rank that holds it, and one after repairing it."""
    from torch import distributed

    from orchestrator.engines import make_engine
    from orchestrator.engines.base import Device

    plan = case.plan(4, {})
    engine = make_engine(case.engine)
    engine.build(plan, Device(kind="cpu"))
    batches = micro_batches(plan, engine.objective, 1, plan.data_rank(distributed.get_rank()))
    state = engine.state()
    norms = [box for box in state.boxes if box.key == "weights/model.norm.weight"]
    for box in norms:
        box.tensor.fill_(math.inf)
    engine.restore(state)
    before = [box.tensor.clone() for box in state.boxes]
    bad = engine.train_step(batches, lr=1e-3)
    unchanged = all(one.equal(box.tensor) for one, box in zip(before, engine.state().boxes, strict=True))
    count = engine.state().scalars["optimizer/step"]
    for box in norms:
        box.tensor.fill_(1.0)
    engine.restore(state)
    good = engine.train_step(batches, lr=1e-3)
    engine.close()
    return bad, unchanged, int(count), good


@pytest.mark.parametrize("case", SPLIT, ids=str)
def test_a_gradient_that_is_not_finite_changes_nothing_anywhere(case: Case) -> None:
    for bad, unchanged, count, good in run_distributed(poisoned, 2, case):
        assert bad.skipped
        assert not math.isfinite(bad.grad_norm)
        assert unchanged
        assert count == 0
        assert not good.skipped
        assert math.isfinite(good.loss)


def train_with_interruptions(case: Case) -> tuple[list[float], float, list[int]]:
    """Steps with an evaluation and a greedy generation between them."""
    import torch
    from torch import distributed

    from orchestrator.engines import make_engine
    from orchestrator.engines.base import Device

    plan = case.plan(4, {"model": {"layers": 8}})
    engine = make_engine(case.engine)
    engine.build(plan, Device(kind="cpu"))
    losses, rank = [], plan.data_rank(distributed.get_rank())
    for number in (1, 2, 3):
        batches = micro_batches(plan, engine.objective, number, rank)
        losses.append(engine.train_step(batches, lr=3e-3).loss)
        evaluation = engine.evaluate(micro_batches(plan, engine.objective, 4, rank))
        engine.module.eval()
        with torch.no_grad():
            logits = engine.module(input_ids=torch.tensor([[1, 2, 3]]), use_cache=False).logits
    engine.close()
    return losses, evaluation.loss, logits[0].argmax(dim=-1).tolist()


@pytest.mark.parametrize(
    "case",
    [
        Case(workers=2, zero=1, micro_batch=2),
        Case(workers=2, zero=3, micro_batch=2),
        megatron(workers=4, tensor=2, pipeline=2, sequence_parallel=True, micro_batch=2),
        megatron(workers=2, context=2),
        replace(megatron(workers=4, pipeline=4, virtual=2), recompute="full"),
    ],
    ids=str,
)
def test_evaluation_and_generation_between_steps_leave_no_trace(case: Case) -> None:
    [expected] = run_distributed(train_with_interruptions, 1, Case(engine="reference", micro_batch=2))
    for losses, evaluation, text in run_distributed(train_with_interruptions, case.workers, case):
        assert losses == pytest.approx(expected[0], abs=1e-5)
        assert evaluation == pytest.approx(expected[1], abs=1e-5)
        assert text == expected[2]
