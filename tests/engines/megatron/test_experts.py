"""Mixtures of experts under Megatron: against `transformers`' experts, the reference engine's routers, and arithmetic."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.parity import Case, Curve, compare, micro_batches, train
from orchestrator.engines import make_engine
from orchestrator.engines.base import Device, StepReport
from orchestrator.planning import Plan
from orchestrator.planning.mesh import coordinates
from tests.distributed import run_distributed
from tests.plans import tiny_plan

H, F, E = 12, 20, 4


@pytest.fixture(autouse=True, scope="module")
def _core() -> None:
    from orchestrator.engines.megatron import runtime

    runtime.import_core()


def experts() -> Any:
    """GroupedExperts of one rank, with random weights."""
    from megatron.core.transformer.transformer_config import TransformerConfig

    from orchestrator.engines.megatron.experts import GroupedExperts

    config = TransformerConfig(
        num_layers=1, hidden_size=H, num_attention_heads=2, ffn_hidden_size=F, moe_ffn_hidden_size=F, num_moe_experts=E,
        gated_linear_unit=True, activation_func=torch.nn.functional.silu, add_bias_linear=False, use_cpu_initialization=True, cuda_graph_scope=[],
    )  # fmt: skip
    alone = SimpleNamespace(size=lambda: 1, rank=lambda: 0)
    module = GroupedExperts(E, config, pg_collection=SimpleNamespace(ep=alone, expt_tp=alone, tp=alone))
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=generator)
    return module


def test_experts_are_those_of_mixtral() -> None:
    """Random choices of which none falls on expert 2: outputs, and the gradients of tokens, weights and all matrices."""
    from transformers import MixtralConfig
    from transformers.models.mixtral.modeling_mixtral import MixtralExperts

    ours = experts()
    theirs = MixtralExperts(MixtralConfig(hidden_size=H, intermediate_size=F, num_local_experts=E, hidden_act="silu"))
    theirs.load_state_dict({"gate_up_proj": ours.up.detach(), "down_proj": ours.down.detach()})
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randn(30, H, generator=generator)
    choices = torch.tensor([[0, 1], [1, 3], [3, 0]])[torch.randint(0, 3, (30,), generator=generator)]
    shares = torch.rand(30, 2, generator=generator)
    upstream = torch.randn(30, H, generator=generator)

    def by_megatron(hidden: Tensor, weights: Tensor) -> Tensor:
        """As the dispatcher does: assignments sorted by expert, results summed back."""
        order = choices.flatten().argsort(stable=True)
        counts = torch.bincount(choices.flatten(), minlength=E)
        assert counts.tolist()[2] == 0
        rows = order // 2
        mixed, bias = ours(hidden[rows], counts, weights.flatten()[order])
        assert bias is None
        return torch.zeros_like(hidden).index_add(0, rows, mixed)

    def by_transformers(hidden: Tensor, weights: Tensor) -> Tensor:
        output: Tensor = theirs(hidden, choices, weights)
        return output

    found = []
    for function, matrices in ((by_megatron, (ours.up, ours.down)), (by_transformers, (theirs.gate_up_proj, theirs.down_proj))):
        hidden, weights = tokens.clone().requires_grad_(), shares.clone().requires_grad_()
        output = function(hidden, weights)
        output.backward(upstream)
        found.append([output.detach(), hidden.grad, weights.grad, *(matrix.grad for matrix in matrices)])
    for one, other in zip(*found, strict=True):
        assert one is not None
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    assert (ours.up.grad[2] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_one_kernel_gives_what_one_product_per_expert_gives(dtype: torch.dtype) -> None:
    from orchestrator.engines.megatron.experts import _grouped, _one_by_one

    try:
        functional.grouped_mm(torch.ones(4, 16, dtype=dtype), torch.ones(1, 16, 16, dtype=dtype), offs=torch.tensor([4], dtype=torch.int32))
    except (RuntimeError, NotImplementedError) as error:
        pytest.skip(f"torch has no grouped_mm on this CPU: {error}")
    counts = torch.tensor([16, 0, 8, 24])
    generator = torch.Generator().manual_seed(2)
    tokens, matrices = (torch.randn(shape, generator=generator).to(dtype) for shape in ((48, 16), (4, 32, 16)))
    upstream = torch.randn(48, 32, generator=generator).to(dtype)
    found = []
    for product in (_one_by_one, _grouped):
        inputs = [each.clone().requires_grad_() for each in (tokens, matrices)]
        output = product(*inputs, counts)
        output.backward(upstream)
        found.append([output.detach(), *(each.grad for each in inputs)])
    limit = 1e-5 if dtype == torch.float32 else 2e-2
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=limit, atol=limit)


MIXTURE: dict[str, Any] = {
    "family": "mixtral", "experts": 4, "experts_per_token": 2, "balance_loss": 0.05, "router_z_loss": 0.001, "initial_std": 0.1,
}  # fmt: skip


def built(case: Case, **sections: dict[str, Any]) -> tuple[Plan, Any]:
    plan = case.plan(20, sections)
    engine = make_engine(plan.engine)
    engine.build(plan, Device(kind="cpu"))
    return plan, engine


def step(plan: Plan, engine: Any, number: int, lr: float = 3e-3) -> StepReport:
    """One step of the rank of a gang, or of a process alone."""
    from torch import distributed

    rank = distributed.get_rank() if distributed.is_initialized() else 0
    batches = micro_batches(plan, engine.objective, number, coordinates(plan.layout, rank).data)
    report: StepReport = engine.train_step(batches, lr=lr)
    return report


def routing_of_two_steps(case: Case) -> list[Any]:
    plan, engine = built(case, model=MIXTURE)
    reports = [step(plan, engine, number).routing for number in (1, 2)]
    engine.close()
    return reports


def megatron(**degrees: Any) -> Case:
    return Case(engine="megatron", family="mixtral", **degrees)


REFERENCE = Case(engine="reference", family="mixtral", micro_batch=4)


@pytest.mark.parametrize(
    "case",
    [
        megatron(workers=1, micro_batch=2),
        megatron(workers=1, micro_batch=2, recompute="full"),
        megatron(workers=2, tensor=2, micro_batch=2),
        megatron(workers=2, tensor=2, sequence_parallel=True),
        megatron(workers=2, context=2),
        megatron(workers=2, expert=2),
        megatron(workers=2, pipeline=2),
    ],
    ids=lambda case: f"{case}, recompute {case.recompute}",
)
def test_routers_report_what_the_reference_reports(case: Case) -> None:
    """The reference's numbers are pure functions of its routers' logits (`engines/routing.py`)."""
    expected = run_distributed(routing_of_two_steps, 1, REFERENCE)[0]
    for found in run_distributed(routing_of_two_steps, case.workers, case):
        for ours, theirs in zip(found, expected, strict=True):
            assert len(ours.load) == 2
            for name in ("balance_loss", "z_loss", "entropy", "dropped"):
                assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-5)
            for one, other in zip(ours.load, theirs.load, strict=True):
                assert one == pytest.approx(other, abs=2e-3)


def curve(case: Case) -> Curve:
    return train(case, 3, {})


@pytest.mark.parametrize(
    "case",
    [
        megatron(workers=2, tensor=2, expert_tensor=1),
        megatron(workers=2, tensor=2, expert_tensor=1, sequence_parallel=True, zero=1),
        megatron(workers=2, expert_tensor=2),
        megatron(workers=2, expert_tensor=2, zero=1),
        megatron(workers=4, tensor=2, expert_tensor=1),
        megatron(workers=2, tensor=2, expert=2, expert_tensor=1),
    ],
    ids=lambda case: f"{case}, experts cut in {case.expert_tensor}, ZeRO {case.zero}",
)
def test_experts_may_be_cut_otherwise_than_the_rest(case: Case) -> None:
    """With expert 1, experts cut otherwise are not duplicated as dense parameters are, nor reduced over the same ranks.

    They were once taken for dense ones: the gradient norm was off by 2e-3, and no rank had the same as the next.
    """
    expected = run_distributed(curve, 1, REFERENCE)[0]
    curves = run_distributed(curve, case.workers, case)
    assert len({found.grad_norms for found in curves}) == 1
    for found in curves:
        difference = compare(found, expected)
        assert difference.passes, difference


def routers(engine: Any) -> list[Any]:
    return [layer.mlp.router for chunk in engine._chunks for layer in getattr(chunk.module, "module", chunk.module).decoder.layers]


def test_every_assignment_beyond_an_experts_capacity_is_counted() -> None:
    """One micro-batch at a time an expert takes its even share, here, and the dropped are those above it."""
    plan, engine = built(megatron(workers=1, micro_batch=2), model={**MIXTURE, "capacity": 1.0})
    seen: list[list[Tensor]] = []
    for router in routers(engine):
        with torch.no_grad():
            router.weight[0] = -router.weight[1]  # never both among the best
        logits: list[Tensor] = []
        seen.append(logits)
        router.gating = _recorded(router.gating, logits)
    report = step(plan, engine, 1).routing
    engine.close()
    assert report is not None
    for layer, logits in enumerate(seen):
        kept = np.zeros(E)
        dropped = 0.0
        for each in logits:
            flat = each.detach().flatten(0, 1).numpy()
            best = np.argsort(-flat, axis=1)[:, :2]
            counts = np.bincount(best.flatten(), minlength=E)
            capacity = math.ceil(len(flat) * 2 / E)
            kept += np.minimum(counts, capacity)
            dropped += float(np.maximum(counts - capacity, 0).sum())
        assert dropped > 0
        assert report.dropped[layer] == dropped
        assert report.load[layer] == pytest.approx(kept / kept.sum(), rel=1e-6)


def _recorded(function: Any, into: list[Tensor]) -> Any:
    def recording(input: Tensor) -> Tensor:
        output: Tensor = function(input)
        into.append(output)
        return output

    return recording


BIASED: dict[str, Any] = {**MIXTURE, "balance_loss": 0.0, "router_z_loss": 0.0, "router_scores": "sigmoid", "router_bias_rate": 0.05}
BIAS = "buffers/model.layers.{layer}.mlp.gate.expert_bias"
COLLAPSED = torch.tensor([0.4, 0.4, 0.0, 0.0])


def arrays(engine: Any) -> dict[str, np.ndarray]:
    """The boxes that this rank owns, each in the place it has in its tensor; zero elsewhere."""
    found: dict[str, np.ndarray] = {}
    for box in engine.state().boxes:
        if box.owned:
            whole = found.setdefault(box.key, np.zeros(box.global_shape, dtype=np.float32))
            whole[_place(box)] = box.tensor.numpy()
    return found


def _place(box: Any) -> tuple[slice, ...]:
    return tuple(slice(start, start + size) for start, size in zip(box.offsets, box.tensor.shape, strict=True))


def unevenness(load: tuple[float, ...]) -> float:
    return max(load) - min(load)


def biased_steps(case: Case, saved: tuple[dict[str, np.ndarray], int] | None, numbers: range) -> Any:
    """(routing reports, losses, biases of layer 0 before and after each step, the state at the end)."""
    plan, engine = built(case, model=BIASED)
    state = engine.state()
    if saved is None:
        for box in state.boxes:
            if box.key.startswith("buffers/"):
                box.tensor.copy_(COLLAPSED)
    else:
        for box in state.boxes:
            box.tensor.copy_(torch.from_numpy(saved[0][box.key][_place(box)]))
        state.scalars["optimizer/step"] = saved[1]
        engine.restore(state)
    biases = [routers(engine)[0].expert_bias.tolist()]
    reports = []
    for number in numbers:
        reports.append(step(plan, engine, number))
        biases.append(routers(engine)[0].expert_bias.tolist())
    found = arrays(engine)
    engine.close()
    return [report.routing for report in reports], [report.loss for report in reports], biases, found


def test_a_bias_makes_a_collapsed_router_even_and_travels_to_another_layout() -> None:
    """After each step experts with more than an even share go down by the rate, those with less go up."""
    reports, _, biases, state = run_distributed(biased_steps, 1, megatron(workers=1, micro_batch=2), None, range(1, 17))[0]
    assert unevenness(reports[0].load[0]) > 0.4
    later = [unevenness(report.load[0]) for report in reports[8:]]  # each of other text
    assert sum(later) / len(later) < 0.75 * unevenness(reports[0].load[0])
    for report, before, after in zip(reports, biases[:-1], biases[1:], strict=True):
        moved = np.sign(0.25 - np.array(report.load[0])) * 0.05
        assert np.array(after) == pytest.approx(np.array(before) + moved, abs=1e-6)
    for layer in range(2):
        assert np.abs(state[BIAS.format(layer=layer)]).sum() > 0
    assert state[BIAS.format(layer=0)] == pytest.approx(np.array(biases[-1]))

    other = megatron(workers=2, expert=2)
    expected = run_distributed(biased_steps, 1, megatron(workers=1, micro_batch=2), (state, 16), range(17, 20))[0]
    for found in run_distributed(biased_steps, 2, other, (state, 16), range(17, 20)):
        assert found[1] == pytest.approx(expected[1], rel=1e-5)
        assert found[2] == expected[2]


def test_a_skipped_step_leaves_the_biases_as_they_were() -> None:
    """Core moves them with the gradients' reduction, before it is known that these are not finite."""
    plan, engine = built(megatron(workers=1, micro_batch=2), model=BIASED)
    before = routers(engine)[0].expert_bias.clone()
    score = type(engine.objective).score

    class Overflowing(type(engine.objective)):  # type: ignore[misc]
        def score(self, logits: Any, batch: Any) -> Any:
            report = score(self, logits, batch)
            return replace(report, loss=report.loss * float("inf"))

    whole, engine.objective = engine.objective, Overflowing()
    assert step(plan, engine, 1).skipped
    assert torch.equal(routers(engine)[0].expert_bias, before)
    engine.objective = whole
    assert not step(plan, engine, 2).skipped
    assert not torch.equal(routers(engine)[0].expert_bias, before)
    engine.close()


def test_a_bf16_model_keeps_biases_and_counts_in_fp32_from_the_start() -> None:
    """Core makes all buffers bf16 and the bias fp32 again at the first forward pass: a checkpoint read before it lost
    digits, and counts above 256 stood still."""
    _, engine = built(megatron(workers=1), model=BIASED, training={"precision": "bf16"})
    held = [(router.expert_bias.dtype, router.local_tokens_per_expert.dtype) for router in routers(engine)]
    engine.close()
    assert held == [(torch.float32, torch.float32)] * 2


def test_a_deeper_model_follows_in_the_same_process() -> None:
    """Core's log of router losses kept the number of layers of the first model for ever."""
    for layers in (1, 3):
        plan, engine = built(megatron(workers=1, micro_batch=2), model={**MIXTURE, "layers": layers})
        report = step(plan, engine, 1).routing
        engine.close()
        assert report is not None
        assert len(report.balance_loss) == layers


def test_one_softmax_expert_is_refused_where_core_would_build_another_model() -> None:
    """Core's softmax over one chosen expert is refused by itself; `transformers`' weight of it is 1."""
    from megatron.core.transformer.transformer_config import TransformerConfig
    from transformers import MixtralConfig
    from transformers.models.mixtral.modeling_mixtral import MixtralTopKRouter

    from orchestrator.errors import PlanError

    with pytest.raises(PlanError, match="no softmax router with 1 expert per token"):
        tiny_plan(family="mixtral", model={"experts_per_token": 1}, parallelism={"engine": "megatron"})
    with pytest.raises(ValueError, match="pre-softmax"):
        TransformerConfig(
            num_layers=1, hidden_size=H, num_attention_heads=2, num_moe_experts=E, moe_router_topk=1, moe_ffn_hidden_size=F,
            cuda_graph_scope=[], add_bias_linear=False,
        )  # fmt: skip
    router = MixtralTopKRouter(MixtralConfig(hidden_size=H, num_local_experts=E, num_experts_per_tok=1))
    torch.nn.init.normal_(router.weight)
    assert (router(torch.randn(5, H))[1] == 1).all()
