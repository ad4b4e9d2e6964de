"""Bytes per rank: what ZeRO partitions, what activations and logits take, what the framework keeps.

Weights and optimizer follow the ZeRO paper (Rajbhandari et al. 2020, section 3): with AdamW, bf16 keeps 2
bytes of weight and 12 of fp32 master and moments per parameter; fp32 keeps 4 and 8, and ZeRO's flat
partition adds its own fp32 copy. Gradients are accumulated and reduced in fp32, as this project
configures DeepSpeed 0.19: in bf16, stage 1 holds them whole in both precisions. Activations are counted part
by part (activations.py); these are estimates, not yet fitted to measurements. A model that is cut by tensor,
pipeline or expert parallelism is in stage_memory.py.
"""

from __future__ import annotations

from orchestrator.architecture.stack import Architecture
from orchestrator.planning.memory.activations import cut_elements, whole_elements
from orchestrator.planning.memory.parts import Memory

BUCKET_ELEMENTS = 50_000_000
"""DeepSpeed's reduce bucket as this project configures it, at most."""


def estimate_memory(
    architecture: Architecture, *, engine: str, framework: int, precision: str, optimizer: str, zero: int, offload: str,
    data: int, micro_batch: int, sequence_length: int, recompute: str,
) -> Memory:  # fmt: skip
    """Peak bytes on one rank of a data-parallel layout. The logits are kept in fp32, with their gradient and a copy."""
    count = architecture.parameters
    width = 2 if precision == "bf16" else 4
    moments = 8 if optimizer == "adamw" else 1
    master = 4 if precision == "bf16" or (engine == "deepspeed" and zero) else 0
    weights = count * width // (data if zero == 3 else 1)
    gradients = count * _gradient_width(precision, zero) // (data if zero >= 2 else 1)
    states = count * (master + moments) // (data if zero >= 1 else 1)
    tokens = micro_batch * sequence_length
    per_layer = [tokens * (whole_elements(block) + cut_elements(block)) * width for block in architecture.blocks]
    edges = tokens * architecture.hidden * width
    if recompute == "full":
        activations = edges * len(per_layer) + max(per_layer, default=0)
    else:
        activations = sum(per_layer)
    host = (states if offload != "none" else 0) + (weights if offload == "parameters" else 0)
    return Memory(
        weights=0 if offload == "parameters" else weights,
        gradients=gradients,
        optimizer=0 if offload != "none" else states,
        activations=activations + edges,
        logits=tokens * architecture.head.vocab * (2 * 4 + width),
        buffers=min(count, BUCKET_ELEMENTS) * 4 if data > 1 else 0,
        framework=framework,
        host=host,
    )


def _gradient_width(precision: str, zero: int) -> int:
    """Bytes of gradient per parameter, before partitioning."""
    return 6 if precision == "bf16" and zero == 1 else 4
