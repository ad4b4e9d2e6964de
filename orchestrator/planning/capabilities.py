"""What each engine can do, as data that plans are checked against. Engines point here; nothing heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """Limits of an engine. An axis not named in `axes` must have degree 1."""

    axes: frozenset[str]
    zero_stages: frozenset[int]
    offload: frozenset[str]
    precisions: frozenset[str]
    recompute: frozenset[str]
    zero_stages_of_optimizer: MappingProxyType[str, frozenset[int]]
    """Which ZeRO stages can partition which optimizer's state."""


_EVERY_STAGE = frozenset({0, 1, 2, 3})

CAPABILITIES: MappingProxyType[str, Capabilities] = MappingProxyType(
    {
        "reference": Capabilities(
            axes=frozenset(),
            zero_stages=frozenset({0}),
            offload=frozenset({"none"}),
            precisions=frozenset({"fp32", "bf16"}),
            recompute=frozenset({"none", "full"}),
            zero_stages_of_optimizer=MappingProxyType({"adamw": frozenset({0}), "adafactor": frozenset({0})}),
        ),
        "deepspeed": Capabilities(
            axes=frozenset({"data"}),
            zero_stages=_EVERY_STAGE,
            offload=frozenset({"none", "optimizer", "parameters"}),
            precisions=frozenset({"fp32", "bf16"}),
            recompute=frozenset({"none", "full"}),
            # Factored moments are row and column sums of whole matrices: ZeRO's flat partitions cannot hold them.
            zero_stages_of_optimizer=MappingProxyType({"adamw": _EVERY_STAGE, "adafactor": frozenset({0})}),
        ),
        "megatron": Capabilities(
            axes=frozenset({"data", "tensor", "pipeline", "virtual", "context", "expert", "expert_tensor"}),
            # Stage 1 is Megatron-core's distributed optimizer.
            zero_stages=frozenset({0, 1}),
            offload=frozenset({"none"}),
            precisions=frozenset({"fp32", "bf16"}),
            recompute=frozenset({"none", "selective", "full"}),
            zero_stages_of_optimizer=MappingProxyType({"adamw": frozenset({0, 1}), "adafactor": frozenset()}),
        ),
    }
)
