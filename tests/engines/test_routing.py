"""Mixtures of experts on the engines of Hugging Face modules: the losses of routers, and what a step tells of them.

Oracles: `transformers`' and Megatron's own load-balancing losses, and the reference engine.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from benchmarks.parity import Case, Curve, compare, curve_of, micro_batches
from orchestrator.engines import make_engine
from orchestrator.engines.base import Device, StepReport
from orchestrator.engines.routing import RoutingMeter, assignments, balance_loss, entropy, routers_of, z_loss
from orchestrator.planning import Plan
from tests.distributed import run_distributed
from tests.plans import tiny_plan

MIXTURE: dict[str, Any] = {
    "family": "mixtral", "experts": 4, "experts_per_token": 2, "balance_loss": 0.05, "router_z_loss": 0.001, "initial_std": 0.1,
}  # fmt: skip


def logits(sequences: int = 3, tokens: int = 17, experts: int = 5) -> torch.Tensor:
    """Router logits of some preference for the first experts."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(sequences, tokens, experts, generator=generator) - torch.arange(experts) / 2


@pytest.mark.parametrize("per_token", [1, 2, 5])
def test_the_balance_loss_of_a_sequence_is_transformers_divided_by_k(per_token: int) -> None:
    """Theirs is E x sum_e (share of tokens that chose e, over all k choices) x (mean probability of e)."""
    from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

    for sequence in logits().split(1):
        theirs = load_balancing_loss_func((sequence[0],), num_experts=5, top_k=per_token)
        assert float(balance_loss(sequence, per_token, 0.3)) == pytest.approx(0.3 * float(theirs) / per_token, rel=1e-6)


@pytest.mark.parametrize("per_token", [1, 2, 5])
def test_the_losses_of_a_sequence_are_megatrons(per_token: int) -> None:
    utilities = pytest.importorskip("megatron.core.transformer.moe.moe_utils")
    for sequence in logits().split(1):
        tokens = sequence.shape[1]
        theirs = utilities.switch_load_balancing_loss_func(
            sequence[0].softmax(dim=-1), assignments(sequence, per_token)[0], tokens, per_token, 5, 0.3
        )
        assert float(balance_loss(sequence, per_token, 0.3)) == pytest.approx(float(theirs), rel=1e-6)
        assert float(z_loss(sequence, 0.1)) == pytest.approx(float(utilities.z_loss_func(sequence[0], 0.1)), rel=1e-6)


@pytest.mark.parametrize("coefficients", [{"balance_loss": 0.3}, {"z_loss": 0.3}])
def test_gradients_are_those_of_finite_differences(coefficients: dict[str, float]) -> None:
    """The counts of assignments have none, as they do not change under a small step."""

    def loss(logits_BSE: torch.Tensor) -> torch.Tensor:
        if "balance_loss" in coefficients:
            return balance_loss(logits_BSE, 2, 0.3)
        return z_loss(logits_BSE, 0.3)

    at = logits(1, 5, 4).requires_grad_()
    loss(at).backward()
    assert at.grad is not None
    for place in [(0, 0, 0), (0, 3, 2), (0, 4, 3)]:
        step = torch.zeros_like(at)
        step[place] = 1e-2
        with torch.no_grad():
            slope = float(loss(at + step) - loss(at - step)) / 2e-2
        assert float(at.grad[place]) == pytest.approx(slope, abs=2e-5)


def test_losses_are_means_over_sequences_so_that_no_micro_batch_changes_them() -> None:
    whole, parts = logits(6), logits(6).split(2)
    for loss in (lambda x: balance_loss(x, 2, 1.0), lambda x: z_loss(x, 1.0), entropy):
        assert float(loss(whole)) == pytest.approx(sum(float(loss(part)) for part in parts) / 3, rel=1e-6)


def test_an_even_load_costs_the_coefficient_and_a_collapse_a_multiple() -> None:
    even = torch.eye(4).repeat(1, 8, 1)[None, 0] * 20  # each token sure of another expert
    assert float(balance_loss(even, 1, 0.02)) == pytest.approx(0.02, rel=1e-6)
    collapsed = torch.tensor([20.0, 0.0, 0.0, 0.0]).expand(1, 32, 4)
    assert float(balance_loss(collapsed, 1, 0.02)) == pytest.approx(4 * 0.02, rel=1e-6)


def test_entropy_is_that_of_the_whole_distribution() -> None:
    assert float(entropy(torch.zeros(2, 3, 8))) == pytest.approx(math.log(8), rel=1e-6)
    distribution = torch.distributions.Categorical(logits=logits())
    assert float(entropy(logits())) == pytest.approx(float(distribution.entropy().mean()), rel=1e-6)


def test_a_report_says_shares_of_assignments_over_all_micro_batches() -> None:
    router = next(iter(routers_of(tiny_plan(model=MIXTURE).architecture).values()))
    meter, whole = RoutingMeter([router], torch.device("cpu")), logits(6, experts=4)
    added = sum(float(meter.add([part])) for part in whole.split(2)) / 3
    report = meter.report()
    assert report is not None
    assert sum(report.load[0]) == pytest.approx(1)
    counts = assignments(whole, 2).sum(dim=0)
    assert report.load[0] == pytest.approx((counts / counts.sum()).tolist())
    assert report.dropped == (0.0,)
    assert report.balance_loss[0] == pytest.approx(float(balance_loss(whole, 2, 0.05)), rel=1e-6)
    assert report.z_loss[0] == pytest.approx(float(z_loss(whole, 0.001)), rel=1e-6)
    assert added == pytest.approx(report.balance_loss[0] + report.z_loss[0], rel=1e-6)


def built(**sections: dict[str, Any]) -> tuple[Plan, Any]:
    plan = tiny_plan(**{"model": MIXTURE, **sections})
    engine = make_engine("reference")
    engine.build(plan, Device(kind="cpu"))
    return plan, engine


def step(plan: Plan, engine: Any, number: int) -> StepReport:
    report: StepReport = engine.train_step(micro_batches(plan, engine.objective, number, 0), lr=3e-3)
    return report


def test_the_gradient_is_that_of_the_objective_plus_transformers_own_losses() -> None:
    """One sequence a batch and one layer: the module's auxiliary loss, asked for, is then ours times k."""
    sections: dict[str, Any] = {
        "model": {**MIXTURE, "layers": 1, "router_z_loss": 0.0},
        "training": {"batch": {"sequences": 1}, "optimizer": {"name": "adamw", "lr": 1e-3, "clip_norm": None}},
        "parallelism": {"micro_batch": 1},
    }
    plan, engine = built(**sections)
    [batch] = micro_batches(plan, engine.objective, 1, 0)
    module = engine.module
    module.config.router_aux_loss_coef = 0.05 / 2
    output = module(input_ids=batch["input_ids"], output_router_logits=True, use_cache=False)
    cross_entropy = torch.nn.functional.cross_entropy(output.logits.flatten(0, 1), batch["labels"].flatten())
    (cross_entropy + 0.05 / 2 * output.aux_loss).backward()
    expected, auxiliary = cross_entropy.item(), output.aux_loss.item()
    norm = math.sqrt(sum(float(each.grad.square().sum()) for each in module.parameters()))
    module.zero_grad()
    report = step(plan, engine, 1)
    assert report.loss == pytest.approx(expected, rel=1e-6)
    assert report.routing is not None
    assert report.routing.balance_loss[0] == pytest.approx(0.05 / 2 * auxiliary, rel=1e-5)
    assert report.grad_norm == pytest.approx(norm, rel=1e-5)


def test_a_dense_model_reports_no_routing() -> None:
    plan, engine = built(model={})
    assert step(plan, engine, 1).routing is None


def test_recomputation_counts_no_router_twice_and_changes_no_digit() -> None:
    plan, engine = built()
    other_plan, other = built(parallelism={"recompute": "full"})
    for number in range(1, 4):
        assert step(plan, engine, number) == step(other_plan, other, number)


def test_evaluation_between_steps_leaves_no_trace_and_adds_no_router_loss() -> None:
    plan, engine = built()
    other_plan, other = built(model={**MIXTURE, "balance_loss": 0.0, "router_z_loss": 0.0})
    batches = micro_batches(plan, engine.objective, 2, 0)
    assert engine.evaluate(batches).loss == other.evaluate(batches).loss
    assert step(plan, engine, 1).loss == step(other_plan, other, 1).loss
    assert all(not kept for kept in engine._router_logits._kept.values())


@pytest.fixture(scope="module")
def reference() -> Curve:
    return curve_of(Case(engine="reference", micro_batch=4), model=MIXTURE)


@pytest.mark.parametrize(
    "case",
    [
        Case(workers=2, zero=0, micro_batch=2),
        Case(workers=2, zero=1, micro_batch=1),
        Case(workers=2, zero=2, micro_batch=2, recompute="full"),
        Case(workers=2, zero=3, micro_batch=1),
        Case(workers=2, zero=3, micro_batch=2, recompute="full"),
    ],
    ids=lambda case: f"{case}, micro-batch {case.micro_batch}, recompute {case.recompute}",
)
def test_every_layout_trains_the_same_mixture(case: Case, reference: Curve) -> None:
    """20 steps, each loss and gradient norm within 1e-4 of the reference's."""
    curve = curve_of(case, model=MIXTURE)
    assert curve.losses == pytest.approx(reference.losses, rel=1e-4)
    assert curve.grad_norms == pytest.approx(reference.grad_norms, rel=1e-4)


def test_a_layout_that_forgets_the_routers_is_seen(reference: Curve) -> None:
    forgetful = curve_of(Case(engine="reference", micro_batch=4), model={**MIXTURE, "balance_loss": 0.0}, steps=20)
    assert compare(forgetful, reference).grad_norm > 1e-3


def routing_of_two_steps(case: Case) -> list[Any]:
    from torch import distributed

    plan = case.plan(2, {"model": MIXTURE})
    engine = make_engine(case.engine)
    engine.build(plan, Device(kind="cpu"))
    rank = distributed.get_rank()
    reports = [
        engine.train_step(micro_batches(plan, engine.objective, number, rank), lr=3e-3).routing for number in (1, 2)
    ]
    engine.close()
    return reports


@pytest.mark.parametrize("zero", [1, 3])
def test_a_report_is_that_of_the_whole_step_on_every_rank(zero: int) -> None:
    [expected] = run_distributed(routing_of_two_steps, 1, Case(engine="reference", micro_batch=4))
    for found in run_distributed(routing_of_two_steps, 2, Case(workers=2, zero=zero, micro_batch=1)):
        for ours, theirs in zip(found, expected, strict=True):
            assert len(ours.load) == 2
            for name in ("balance_loss", "z_loss", "entropy", "dropped"):
                assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-5)
            for one, other in zip(ours.load, theirs.load, strict=True):
                assert one == pytest.approx(other, abs=2e-3)
