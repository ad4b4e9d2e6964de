"""The same curves on a CUDA device: the reference against every ZeRO stage, and bf16 beside fp32.

These need one GPU and skip where there is none: `make test ARGS="-m gpu"`.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from orchestrator.architecture.families.llama import Llama
from orchestrator.engines import make_engine
from orchestrator.engines.base import Device
from orchestrator.planning import Plan, make_plan
from orchestrator.spec import ClusterSpec
from orchestrator.spec.run import RunSpec
from tests.plans import TINY

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
STEPS = 20


def plan(**parallelism: Any) -> Plan:
    cluster = {
        "nodes": 1,
        "node": {"accelerator": "any", "count": 1, "memory": "8GB", "peak_tflops": {"fp32": 10.0, "bf16": 100.0}},
    }
    precision = parallelism.pop("precision", "fp32")
    page = {**TINY, "training": {**TINY["training"], "precision": precision}, "parallelism": {**TINY["parallelism"], **parallelism}}
    return make_plan(RunSpec[Llama].model_validate(page), ClusterSpec.model_validate(cluster), 1)


def curve(made: Plan) -> list[float]:
    """Losses of 20 steps on fixed random tokens."""
    engine = make_engine(made.engine)
    engine.build(made, Device(kind="cuda"))
    generator = torch.Generator().manual_seed(0)
    losses = []
    for step in range(1, STEPS + 1):
        tokens = torch.randint(0, 64, (8, made.sequence_length + 1), generator=generator)
        batches = [engine.objective.collate(part) for part in tokens.split(made.micro_batch)]
        losses.append(engine.train_step(batches, lr=made.schedule.lr(step)).loss)
    engine.close()
    return losses


@pytest.mark.parametrize("zero", [0, 1, 2, 3])
def test_every_zero_stage_equals_the_reference(zero: int) -> None:
    expected = curve(plan(engine="reference"))
    assert curve(plan(engine="deepspeed", zero=zero)) == pytest.approx(expected, rel=0, abs=1e-5)


@pytest.mark.parametrize("offload", ["optimizer", "parameters"])
def test_offload_changes_no_number(offload: str) -> None:
    expected = curve(plan(engine="reference"))
    assert curve(plan(engine="deepspeed", zero=3, offload=offload)) == pytest.approx(expected, rel=0, abs=1e-5)


def test_bf16_follows_fp32() -> None:
    """bf16 has 8 bits of mantissa: a curve within 2 % of the fp32 one, step by step."""
    exact = curve(plan(engine="reference"))
    assert curve(plan(engine="deepspeed", zero=1, precision="bf16")) == pytest.approx(exact, rel=0.02)
