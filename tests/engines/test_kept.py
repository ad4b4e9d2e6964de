"""What a block keeps for its backward pass. Oracle: autograd, asked on this project's engines for every tensor that it saves."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.planning import Plan
from orchestrator.planning.memory.rank import kept_bytes
from orchestrator.planning.work import work_of
from tests.distributed import run_distributed
from tests.plans import MODELS, tiny_plan

LENGTH = 256
SIZES: dict[str, dict[str, Any]] = {
    "llama": {"kv_heads": 2, "ffn_size": 384}, "mixtral": {"kv_heads": 2, "ffn_size": 192}, "gpt_neox": {"ffn_size": 512}, "bloom": {},
}  # fmt: skip
SMALL = 2000
"""Bytes below which a saved tensor is a scalar or an index."""


def plan_of(engine: str, family: str, precision: str, layers: int) -> Plan:
    sizes = {"hidden_size": 128, "heads": 4, "max_positions": LENGTH, "layers": layers, **SIZES[family]}
    return tiny_plan(
        family=family, model={**MODELS[family], **sizes}, data={"sequence_length": LENGTH},
        training={"precision": precision, "batch": {"sequences": 1}}, parallelism={"engine": engine, "micro_batch": 1},
    )  # fmt: skip


def saved(engine_name: str, family: str, precision: str, layers: int) -> int:
    """Bytes of all storages that autograd keeps in one step of one micro-batch, parameters apart."""
    import torch

    from benchmarks.parity import micro_batches
    from orchestrator.engines import make_engine
    from orchestrator.engines.base import Device

    plan = plan_of(engine_name, family, precision, layers)
    engine: Any = make_engine(plan.engine)
    engine.build(plan, Device(kind="cpu"))
    modules = engine._chunks if engine_name == "megatron" else [engine.module]
    # Megatron's wrapper has an attribute of its own in place of `buffers`.
    tensors = [tensor for module in modules for tensor in (*module.parameters(), *torch.nn.Module.buffers(module))]
    own = {tensor.untyped_storage().data_ptr() for tensor in tensors}
    seen: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own and storage.nbytes() > SMALL:
            seen[storage.data_ptr()] = tensor  # held, so that no other tensor gets its memory
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        engine.train_step(micro_batches(plan, engine.objective, 1, 0), lr=1e-3)
    engine.close()
    return sum(tensor.untyped_storage().nbytes() for tensor in seen.values())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    ("engine", "family"),
    # On a CPU Megatron's RMS norms and ALiBi are made of other operations than on a GPU, for which it is planned; so is the
    # order of what NeoX's attention gives back, a copy of it more.
    [("reference", "llama"), ("reference", "mixtral"), ("reference", "bloom"), ("megatron", "gpt_neox")],
)
def test_a_block_keeps_what_autograd_saves(engine: str, family: str, precision: str) -> None:
    two, four = (run_distributed(saved, 1, engine, family, precision, layers)[0] for layers in (2, 4))
    plan = plan_of(engine, family, precision, 4)
    estimate = kept_bytes(work_of(plan.spec, plan.architecture, plan.layout), plan.architecture.blocks[0])
    assert estimate == pytest.approx((four - two) / 2, rel=0.03)
