"""The oracle has oracles too: AdamW by its formula, accumulation by one big batch."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from benchmarks.parity import micro_batches, token_rows
from orchestrator.engines.base import Device, StepReport
from orchestrator.engines.reference import ReferenceEngine
from orchestrator.errors import PlanError
from orchestrator.planning import Plan
from tests.plans import tiny_plan


def built(**sections: dict[str, Any]) -> tuple[Plan, ReferenceEngine]:
    plan = tiny_plan(**sections)
    engine = ReferenceEngine()
    engine.build(plan, Device(kind="cpu"))
    return plan, engine


def step(plan: Plan, engine: ReferenceEngine, number: int, lr: float = 3e-3) -> StepReport:
    return engine.train_step(micro_batches(plan, engine.objective, number, 0), lr=lr)


def weights(engine: ReferenceEngine) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in engine.module.named_parameters()}


def test_two_steps_are_adamw_by_its_formula_with_matrices_decayed_and_norms_not() -> None:
    plan, engine = built(training={"optimizer": {"name": "adamw", "lr": 1e-2, "weight_decay": 0.3, "clip_norm": None}})
    beta1, beta2, eps, lr = 0.9, 0.95, 1e-8, 1e-2
    expected = {name: tensor.double() for name, tensor in weights(engine).items()}
    first = {name: torch.zeros_like(tensor) for name, tensor in expected.items()}
    second = {name: torch.zeros_like(tensor) for name, tensor in expected.items()}
    for number in (1, 2):
        batch = engine.objective.collate(token_rows((number - 1) * 8, 8, plan.sequence_length))
        engine.objective.loss(engine.module, batch).loss.backward()
        gradients = {name: each.grad.double() for name, each in engine.module.named_parameters()}
        engine.module.zero_grad()
        for name, gradient in gradients.items():
            first[name] = beta1 * first[name] + (1 - beta1) * gradient
            second[name] = beta2 * second[name] + (1 - beta2) * gradient**2
            decay = 0.3 if gradient.ndim > 1 else 0.0
            update = (first[name] / (1 - beta1**number)) / ((second[name] / (1 - beta2**number)).sqrt() + eps)
            expected[name] = expected[name] * (1 - lr * decay) - lr * update
        step(plan, engine, number, lr=lr)
    for name, tensor in weights(engine).items():
        # Where a gradient is near zero, its rounding decides the direction of Adam's first steps.
        sure = first[name].abs() > 1e-6
        torch.testing.assert_close(tensor.double()[sure], expected[name][sure], rtol=0, atol=1e-5)


@pytest.mark.parametrize("micro_batch", [1, 8])
def test_accumulation_changes_nothing_but_rounding(micro_batch: int) -> None:
    plan, engine = built()
    other_plan, other = built(parallelism={"micro_batch": micro_batch})
    for number in range(1, 4):
        assert step(plan, engine, number).loss == pytest.approx(step(other_plan, other, number).loss, abs=1e-6)


def test_the_norm_is_reported_before_clipping_and_the_update_comes_after() -> None:
    plan, engine = built(training={"optimizer": {"name": "adamw", "lr": 1e-3, "clip_norm": 0.05}})
    free_plan, free = built(training={"optimizer": {"name": "adamw", "lr": 1e-3, "clip_norm": None}})
    clipped, unclipped = step(plan, engine, 1), step(free_plan, free, 1)
    assert clipped.grad_norm == pytest.approx(unclipped.grad_norm, rel=1e-6)
    assert clipped.grad_norm > 0.05
    moments = {box.key: box.tensor for box in engine.state().boxes if box.key.startswith("optimizer/exp_avg/")}
    norm = math.sqrt(sum(float(tensor.square().sum()) for tensor in moments.values())) / (1 - 0.9)
    assert norm == pytest.approx(0.05, rel=1e-3)


def test_a_gradient_that_is_not_finite_is_reported_and_not_applied() -> None:
    plan, engine = built()
    with torch.no_grad():
        engine.module.get_parameter("model.norm.weight")[0] = math.inf
    before = weights(engine)
    report = step(plan, engine, 1)
    assert report.skipped
    assert not math.isfinite(report.grad_norm)
    assert all(torch.equal(before[name], tensor) for name, tensor in weights(engine).items())
    assert engine.state().scalars["optimizer/step"] == 0


def test_recomputation_changes_no_digit() -> None:
    plan, engine = built()
    other_plan, other = built(parallelism={"recompute": "full"})
    for number in range(1, 4):
        assert step(plan, engine, number) == step(other_plan, other, number)


def test_bf16_keeps_masters_in_fp32_and_computes_with_their_roundings() -> None:
    plan, engine = built(training={"precision": "bf16"})
    step(plan, engine, 1, lr=1e-5)  # far below the spacing of bf16 numbers near 1
    masters = {
        box.key.removeprefix("weights/"): box.tensor
        for box in engine.state().boxes
        if box.key.startswith("weights/")
    }
    for name, parameter in engine.module.named_parameters():
        assert parameter.dtype == torch.bfloat16
        assert masters[name].dtype == torch.float32
        assert torch.equal(parameter, masters[name].bfloat16())
    norm = masters["model.norm.weight"]
    assert not torch.equal(norm, torch.ones_like(norm)), "a small update is kept, not rounded away"


def test_adafactor_trains_with_factored_state() -> None:
    plan, engine = built(training={"optimizer": {"name": "adafactor", "lr": 0.3, "clip_norm": 1.0}})
    losses = [step(plan, engine, number, lr=0.3).loss for number in range(1, 9)]
    assert losses[-1] < losses[0] - 0.5
    shapes = {box.key: box.global_shape for box in engine.state().boxes}
    assert shapes["optimizer/exp_avg_sq_row/lm_head.weight"] == (256,)
    assert shapes["optimizer/exp_avg_sq_col/lm_head.weight"] == (48,)
    assert shapes["optimizer/exp_avg_sq/model.norm.weight"] == (48,)


def test_evaluation_is_the_mean_over_tokens_and_leaves_no_trace() -> None:
    plan, engine = built()
    before = weights(engine)
    batches = micro_batches(plan, engine.objective, 1, 0)
    report = engine.evaluate(batches)
    whole = engine.evaluate([engine.objective.collate(token_rows(0, 8, plan.sequence_length))])
    assert report.tokens == whole.tokens == 8 * plan.sequence_length
    assert report.loss == pytest.approx(whole.loss, abs=1e-6)
    assert all(torch.equal(before[name], tensor) for name, tensor in weights(engine).items())
    assert all(parameter.grad is None for parameter in engine.module.parameters())


def test_it_refuses_to_be_one_of_several() -> None:
    plan = tiny_plan(world_size=2, parallelism={"engine": "deepspeed"})
    with pytest.raises(PlanError, match="trains in one process; the plan has 2"):
        ReferenceEngine().build(plan, Device(kind="cpu"))
