"""What estimates believe of the engines' stacks is what the engines ask of their libraries: the two cannot drift apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.engines.deepspeed.config import ds_config
from orchestrator.planning import Plan
from orchestrator.planning.shares import padded_rows
from orchestrator.planning.software import stack_of
from tests.plans import tiny_plan

BF16 = {"training": {"precision": "bf16"}}


def on_gpus(engine: str, **layout: Any) -> Plan:
    """A tiny plan as if its cores were GPUs, for engines have streams to overlap on nowhere else."""
    plan = tiny_plan(world_size=4, parallelism={"engine": engine, "micro_batch": 1, **layout}, **BF16)
    return replace(plan, hardware=replace(plan.hardware, device=replace(plan.device_spec, kind="cuda")))


@pytest.mark.filterwarnings("ignore:If you are using transformer_engine as the transformer")
@pytest.mark.parametrize("layout", [{}, {"zero": 1}, {"tensor": 2}, {"pipeline": 2, "recompute": "selective"}, {"context": 2}])
def test_megatron(layout: dict[str, Any]) -> None:
    from orchestrator.engines.megatron import runtime

    runtime.import_core()
    from orchestrator.engines.megatron.model import padded_vocab
    from orchestrator.engines.megatron.translate import ddp_config, transformer_config

    plan = on_gpus("megatron", **layout)
    stack, ddp, config = stack_of(plan.layout), ddp_config(plan), transformer_config(plan.architecture, plan)
    assert stack.overlaps_gradients == ddp.overlap_grad_reduce
    assert stack.overlaps_gathers == ddp.overlap_param_gather
    assert stack.gradient_bytes == (4 if ddp.grad_reduce_in_fp32 else None)
    assert stack.adds_in_products == config.gradient_accumulation_fusion
    assert stack.overlaps_tensor == config.tp_comm_overlap
    assert stack.overlaps_experts == config.overlap_moe_expert_parallel_comm
    vocab = plan.architecture.embedding.vocab
    assert padded_rows(vocab, plan.tensor, stack.vocab_multiple) == padded_vocab(plan.architecture, plan.tensor)
    assert stack.graphs == (config.cuda_graph_impl != "none")


@pytest.mark.parametrize("offload", ["none", "optimizer"])
@pytest.mark.parametrize("zero", [0, 1, 2, 3])
def test_deepspeed(zero: int, offload: str) -> None:
    if zero < 2 and offload != "none":
        pytest.skip("a rule refuses it")
    plan = on_gpus("deepspeed", zero=zero, offload=offload)
    stack, config = stack_of(plan.layout), ds_config(plan)
    said = config["zero_optimization"]
    behind = said.get("overlap_comm", False)
    assert stack.overlaps_gradients == behind
    assert stack.overlaps_gathers == (behind and "stage3_prefetch_bucket_size" in said)
    assert stack.reduces_each == (said["stage"] >= 2)
    assert stack.gradient_bytes == {"fp32": 4}[config["communication_data_type"]]
