"""Work and hardware of the papers that the tests cite."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.architecture.stack import Architecture
from orchestrator.planning.hardware import Hardware, hardware_of
from orchestrator.planning.layout import Layout
from orchestrator.planning.published.cells import COLUMNS
from orchestrator.planning.published.models import architecture_of
from orchestrator.planning.software import Software
from orchestrator.planning.work import Work
from orchestrator.spec.cluster import ClusterSpec

MEGATRON_2022 = Software(attention="scores", gradient_bytes=4, adds_in_products=True)
BLOOM = Software(attention="scores", gradient_bytes=2)


def gpt(layers: int, hidden: int, heads: int, *, vocab: int = 51200, length: int = 2048, **said: Any) -> Architecture:
    row = {"layers": layers, "hidden": hidden, "heads": heads, "vocab": vocab, "seq": length, **said}
    return architecture_of(dict.fromkeys(COLUMNS, "") | {name: str(value) for name, value in row.items()})


def gpus(accelerator: str = "A100-80GB", *, nodes: int = 1, count: int = 8, network: int = 200, **known: float) -> Hardware:
    """`network`: GB/s of a node. `known`: constants in place of the defaults."""
    page = {"nodes": nodes, "node": {"accelerator": accelerator, "count": count}, "network": {"bandwidth": network * 10**9}}
    made = hardware_of(ClusterSpec.model_validate(page))
    return replace(made, calibration=replace(made.calibration, **known))


def layout(**said: Any) -> Layout:
    base = {
        "engine": "megatron", "data": 1, "tensor": 1, "pipeline": 1, "micro_batch": 1, "zero": 0, "offload": "none",
        "recompute": "none",
    }  # fmt: skip
    return Layout(**(base | {"expert_tensor": said.get("tensor", 1) if said.get("expert", 1) == 1 else 1} | said))


def work(model: Architecture, sequences: int, software: Software = MEGATRON_2022, **said: Any) -> Work:
    return Work(
        architecture=model, layout=layout(**said), sequence_length=model.max_positions, sequences=sequences, precision="bf16",
        optimizer="adamw", software=software,
    )  # fmt: skip
