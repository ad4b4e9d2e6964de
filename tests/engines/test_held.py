"""What a rank holds of weights, gradients and optimizer. Oracle: the live tensors of this project's engines, counted in a step.

Two models that differ in layers only, each on processes of its own as an engine leaves some memory behind: the difference in
bytes over the difference in parameters has no constant in it.
"""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.planning import Plan
from orchestrator.planning.memory.states import states
from orchestrator.planning.work import work_of
from tests.distributed import Gang
from tests.plans import MODELS, tiny_plan


def plan_of(engine: str, zero: int, precision: str, layers: int) -> Plan:
    return tiny_plan(
        world_size=2, model={**MODELS["llama"], "hidden_size": 256, "ffn_size": 768, "layers": layers}, data={"sequence_length": 16},
        training={"precision": precision, "batch": {"sequences": 4}},
        parallelism={"engine": engine, "micro_batch": 1, "zero": zero, "data": 2},
    )  # fmt: skip


def live(engine_name: str, zero: int, precision: str, layers: int) -> int:
    """Most bytes of all tensors' storages when the model's output is there or the optimizer is called, over two steps."""
    import gc

    import torch
    from torch import distributed

    from benchmarks.parity import micro_batches
    from orchestrator.engines import make_engine
    from orchestrator.engines.base import Device

    def count(*_: Any) -> None:
        found: dict[int, int] = {}
        for each in gc.get_objects():
            if type(each) in (torch.Tensor, torch.nn.Parameter) and each.device.type == "cpu":
                for tensor in (each, each.grad if each.is_leaf else None):
                    if tensor is not None:
                        storage = tensor.untyped_storage()
                        found[storage.data_ptr()] = storage.nbytes()
        counts.append(sum(found.values()))

    counts: list[int] = []
    plan = plan_of(engine_name, zero, precision, layers)
    engine: Any = make_engine(plan.engine)
    engine.build(plan, Device(kind="cpu"))
    step = torch.optim.AdamW.step

    def counted(self: Any, *said: Any, **named: Any) -> Any:
        count()
        return step(self, *said, **named)

    torch.optim.AdamW.step = counted  # type: ignore[method-assign]
    try:
        for number in (1, 2):
            engine.train_step(micro_batches(plan, engine.objective, number, distributed.get_rank()), lr=1e-3)
    finally:
        torch.optim.AdamW.step = step  # type: ignore[method-assign]
    return max(counts)


def of_states(engine: str, zero: int, precision: str, layers: int) -> int:
    plan = plan_of(engine, zero, precision, layers)
    held = states(work_of(plan.spec, plan.architecture, plan.layout), plan.architecture.parameters, 0)
    return held.weights + held.gradients + held.optimizer


@pytest.mark.parametrize(
    ("engine", "zero", "precision"), [("deepspeed", 1, "bf16"), ("megatron", 1, "bf16")]
)
def test_a_rank_holds_what_is_alive(engine: str, zero: int, precision: str) -> None:
    measured, estimated = [], []
    for layers in (2, 6):
        gang = Gang(2)
        try:
            measured.append(gang.run(live, (engine, zero, precision, layers), 120.0)[0])
        finally:
            gang.stop()
        estimated.append(of_states(engine, zero, precision, layers))
    assert estimated[1] - estimated[0] == pytest.approx(measured[1] - measured[0], rel=0.02)
