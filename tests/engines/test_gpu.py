"""The same curves on a CUDA device: the reference against both engines, bf16 beside fp32, and the kernels only a GPU runs.

These need one GPU and skip where there is none: `make test ARGS="-m gpu"`. Those that need several are run by
`torchrun --nproc-per-node N -m pytest -m gpu tests/engines/test_gpu.py`, which skips the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import distributed
from torch.nn import functional

from orchestrator.engines import make_engine
from orchestrator.engines.base import Device
from orchestrator.planning import Plan, make_plan
from orchestrator.planning.mesh import coordinates
from orchestrator.registry import FAMILIES
from orchestrator.spec import ClusterSpec
from orchestrator.spec.load import run_spec_of
from tests.plans import MODELS, TINY

RANKS = int(os.environ.get("WORLD_SIZE", "1"))
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
one_gpu = pytest.mark.skipif(RANKS > 1, reason="runs in one process")
STEPS = 20
WIDE = {**MODELS["bloom"], "hidden_size": 64}
"""A BLOOM whose heads are wide enough for flex attention, which takes no fewer than 16."""


@pytest.fixture(autouse=True, scope="module")
def fp32_is_fp32() -> None:
    torch.set_float32_matmul_precision("highest")


@pytest.fixture(scope="module")
def gang() -> Iterator[None]:
    """torchrun's ranks as one process group."""
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl")
    yield
    distributed.barrier()
    distributed.destroy_process_group()


def plan(*, model: dict[str, Any] | None = None, precision: str = "fp32", ranks: int = 1, lr: float = 3e-3, **parallelism: Any) -> Plan:
    cluster = {
        "nodes": 1,
        "node": {"accelerator": "any", "count": ranks, "memory": "8GB", "peak_tflops": {"fp32": 10.0, "bf16": 100.0}},
    }
    model = model or TINY["model"]
    training = {**TINY["training"], "precision": precision, "optimizer": {**TINY["training"]["optimizer"], "lr": lr}}
    page = {**TINY, "model": model, "training": training, "parallelism": {**TINY["parallelism"], **parallelism}}
    spec = run_spec_of(FAMILIES.get(model["family"])).model_validate(page)
    return make_plan(spec, ClusterSpec.model_validate(cluster), ranks)


def curve(made: Plan) -> list[float]:
    """Losses of 20 steps on fixed random tokens, of which each replica takes its part."""
    engine = make_engine(made.engine)
    engine.build(made, Device(kind="cuda", index=int(os.environ.get("LOCAL_RANK", "0"))))
    rank = distributed.get_rank() if made.world_size > 1 else 0
    replica = coordinates(made.layout, rank).data
    generator = torch.Generator().manual_seed(0)
    losses = []
    for step in range(1, STEPS + 1):
        tokens = torch.randint(0, 64, (8, made.sequence_length + 1), generator=generator).chunk(made.data)[replica]
        batches = [engine.objective.collate(part) for part in tokens.split(made.micro_batch)]
        losses.append(engine.train_step(batches, lr=made.schedule.lr(step)).loss)
    engine.close()
    return losses


@one_gpu
@pytest.mark.parametrize("zero", [0, 1, 2, 3])
def test_every_zero_stage_equals_the_reference(zero: int) -> None:
    expected = curve(plan(engine="reference"))
    assert curve(plan(engine="deepspeed", zero=zero)) == pytest.approx(expected, rel=0, abs=1e-5)


@one_gpu
@pytest.mark.parametrize("offload", ["optimizer", "parameters"])
def test_offload_changes_no_number(offload: str) -> None:
    expected = curve(plan(engine="reference"))
    assert curve(plan(engine="deepspeed", zero=3, offload=offload)) == pytest.approx(expected, rel=0, abs=1e-5)


@one_gpu
def test_bf16_follows_fp32() -> None:
    """bf16 has 8 bits of mantissa: a curve within 2 % of the fp32 one, step by step."""
    exact = curve(plan(engine="reference"))
    assert curve(plan(engine="deepspeed", zero=1, precision="bf16")) == pytest.approx(exact, rel=0.02)


@one_gpu
@pytest.mark.parametrize("model", [*MODELS.values(), WIDE], ids=[*MODELS, "bloom-wide"])
def test_megatron_equals_the_reference(model: dict[str, Any]) -> None:
    """At a rate at which BLOOM has no spike; the wide one goes through flex attention."""
    expected = curve(plan(model=model, lr=1e-3, engine="reference"))
    assert curve(plan(model=model, lr=1e-3, engine="megatron")) == pytest.approx(expected, rel=0, abs=1e-5)


@one_gpu
@pytest.mark.parametrize("model", [*MODELS.values(), WIDE], ids=[*MODELS, "bloom-wide"])
def test_megatron_in_bf16_follows_fp32(model: dict[str, Any]) -> None:
    exact = curve(plan(model=model, lr=1e-3, engine="reference"))
    assert curve(plan(model=model, lr=1e-3, engine="megatron", precision="bf16")) == pytest.approx(exact, rel=0.02)


@one_gpu
@pytest.mark.parametrize("recompute", ["selective", "full"])
@pytest.mark.parametrize("model", [MODELS["llama"], WIDE, MODELS["mixtral"]], ids=["llama", "bloom-wide", "mixtral"])
def test_recomputation_changes_no_number(model: dict[str, Any], recompute: str) -> None:
    expected = curve(plan(model=model, lr=1e-3, engine="megatron"))
    assert curve(plan(model=model, lr=1e-3, engine="megatron", recompute=recompute)) == pytest.approx(expected, rel=0, abs=1e-5)


SLOPES = (2.0**-2, 2.0**-4, 2.0**-6, 2.0**-8)


@one_gpu
@pytest.mark.parametrize(("slopes", "cut"), [(SLOPES, False), (None, True), (SLOPES, True)], ids=["alibi", "documents", "both"])
@pytest.mark.parametrize("kv_heads", [4, 2])
@pytest.mark.parametrize("positions", [64, 200])
def test_flex_attention_equals_the_explicit_mask(positions: int, kv_heads: int, slopes: Any, cut: bool) -> None:
    """Forward and backward; 200 is no multiple of the blocks of 128."""
    from orchestrator.engines.megatron import attention

    generator = torch.Generator("cuda").manual_seed(0)
    heads = (4, kv_heads, kv_heads)
    inputs = [torch.randn(2, each, positions, 16, device="cuda", generator=generator, requires_grad=True) for each in heads]
    weights = torch.randn(2, 4, positions, 16, device="cuda", generator=generator)
    documents = torch.tensor([[positions // 3], [positions // 2]], device="cuda") <= torch.arange(positions, device="cuda")
    documents = documents.long() if cut else None
    results = []
    for kernel in (attention.flex_attend, explicit):
        out = kernel(*inputs, slopes=slopes, documents=documents, scale=None)
        results.append((out, *torch.autograd.grad((out * weights).sum(), inputs)))
    for got, expected in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=2e-5)


def explicit(query: Any, key: Any, value: Any, *, slopes: Any, documents: Any, scale: Any) -> torch.Tensor:
    from orchestrator.engines.megatron.attention import _explicit_mask

    mask = _explicit_mask(query, slopes, documents)
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale, enable_gqa=True)


@one_gpu
@pytest.mark.parametrize("counts", [[16, 16, 16], [5, 0, 43], [0, 0, 48], [0, 0, 0]], ids=str)
def test_grouped_experts_equal_the_loop(counts: list[int]) -> None:
    """Experts without tokens too: their gradient is zero and not what was in memory."""
    from orchestrator.engines.megatron.experts import _grouped, _one_by_one

    generator = torch.Generator("cuda").manual_seed(0)
    tokens = torch.randn(sum(counts), 64, device="cuda", dtype=torch.bfloat16, generator=generator, requires_grad=True)
    matrices = torch.randn(3, 128, 64, device="cuda", dtype=torch.bfloat16, generator=generator, requires_grad=True)
    weights = torch.randn(sum(counts), 128, device="cuda", dtype=torch.bfloat16, generator=generator)
    results = []
    for product in (_grouped, _one_by_one):
        out = product(tokens, matrices, torch.tensor(counts))
        results.append((out, *torch.autograd.grad((out * weights).sum(), (tokens, matrices))))
    for got, expected in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=1.6e-2, atol=1e-2)
    for expert, count in enumerate(counts):
        if count == 0:
            assert results[0][2][expert].count_nonzero() == 0


def needs(ranks: int) -> Any:
    reason = f"needs torchrun --nproc-per-node {ranks}"
    return pytest.mark.skipif(ranks != RANKS, reason=reason)


def case(ranks: int, family: str = "llama", engine: str = "megatron", **parallelism: Any) -> Any:
    words = " ".join(f"{name}={value}" for name, value in parallelism.items())
    return pytest.param(family, {"engine": engine, "ranks": ranks, **parallelism}, marks=needs(ranks), id=f"{family} {engine} {words}")


@pytest.mark.usefixtures("gang")
@pytest.mark.parametrize(
    ("family", "layout"),
    [
        case(2, engine="deepspeed", zero=1),
        case(2, engine="deepspeed", zero=3),
        case(2, zero=0),
        case(2, zero=1),
        case(2, tensor=2),
        case(2, tensor=2, sequence_parallel=True),
        case(2, pipeline=2),
        case(2, context=2, zero=1),
        case(2, "bloom", tensor=2, sequence_parallel=True),
        case(2, "gpt_neox", pipeline=2),
        case(2, "mixtral", expert=2, zero=1),
        case(2, "mixtral", tensor=2),
        case(4, tensor=2, pipeline=2, sequence_parallel=True),
        case(4, tensor=2, sequence_parallel=True, zero=1),
        case(4, "mixtral", expert=2, pipeline=2, zero=1),
    ],
)
def test_every_layout_over_nccl_equals_the_reference(family: str, layout: dict[str, Any]) -> None:
    model = MODELS[family]
    expected = curve(plan(model=model, lr=1e-3, engine="reference"))
    made = plan(model=model, lr=1e-3, micro_batch=1, **layout)
    assert curve(made) == pytest.approx(expected, rel=0, abs=1e-5)
