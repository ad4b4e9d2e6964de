"""Estimates of made-up layouts on 80 GB devices, said in as few words as a test needs."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from orchestrator.architecture.stack import Architecture
from orchestrator.planning.calibration import CUDA
from orchestrator.planning.devices import device_of
from orchestrator.planning.hardware import Hardware
from orchestrator.planning.layout import Layout
from orchestrator.planning.memory import Memory, memory_of
from orchestrator.planning.software import stack_of
from orchestrator.planning.work import Work
from tests.planning.models import gpus

PLAIN = Layout(
    engine="megatron", data=1, tensor=1, pipeline=1, micro_batch=1, zero=0, offload="none", recompute="none", expert_tensor=1
)
HARDWARE = Hardware(
    device=device_of(gpus(8)), per_node=8, domain=8, link_bandwidth=3e11, network_bandwidth=25e9, calibration=CUDA,
)  # fmt: skip


def work(architecture: Architecture, **said: Any) -> Work:
    """A step of 32 micro-batches a replica, of 2048 tokens in bf16, of the engine's own software; what is said replaces it."""
    names = {field.name for field in fields(Layout)}
    layout = replace(PLAIN, **{name: value for name, value in said.items() if name in names})
    base: dict[str, Any] = {
        "sequence_length": 2048, "precision": "bf16", "optimizer": "adamw", "software": stack_of(layout),
        "sequences": 32 * layout.data * layout.micro_batch,
    }  # fmt: skip
    other = {name: value for name, value in said.items() if name not in names}
    return Work(architecture=architecture, layout=layout, **{**base, **other})


def estimate(architecture: Architecture, **said: Any) -> tuple[Memory, ...]:
    return memory_of(work(architecture, **said), HARDWARE)
