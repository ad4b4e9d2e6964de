"""Who trained a published row: the traits of the software it ran on."""

from __future__ import annotations

import re
from dataclasses import replace

from orchestrator.planning.software import Software

_MEGATRON = Software(attention="scores", gradient_bytes=4, dropout=True, logit_bytes=10, keeps_outputs=True)
"""Megatron-LM to 2022: logits, their fp32 copy and its softmax; DeepSpeed's pipeline, like it, keeps a stage's outputs."""
_MEGATRON_DEEPSPEED = replace(
    _MEGATRON, gradient_bytes=2, gradient_bytes_bf16=6, casts_gradients=True, bucket=500_000_000, logit_bytes=14,
)  # fmt: skip
"""Gradients lie in 16 bits, and for the step in fp32 too; in bf16 they are accumulated in fp32 instead. The pipeline has two
buffers at least, so that on the last stage the fp32 logits of the micro-batch before are still held (pipe/engine.py,
`_exec_backward_pass` returns early there)."""

_STACKS = (
    (r"Korthikanti|SC21|Megatron-LM README|vTrain", _MEGATRON),
    (r"BLOOM|bigscience|NeoX|DeepSpeed on Azure|OPT", _MEGATRON_DEEPSPEED),
    (r"MosaicML", Software(gradient_bytes=2, overlaps_gradients=True, overlaps_gathers=True)),
    # FSDP2 as KempnerForge runs it: weights and moments in bf16, whole logits, gradients accumulated whole in fp32.
    (
        r"Kempner",
        Software(
            gradient_bytes=2, weight_bytes=2, optimizer_bytes=4, accumulates_whole=True, logit_bytes=8, logits_whole=True,
            overlaps_gradients=True, overlaps_gathers=True, compiled=True,
        ),
    ),
    # FSDP2 as torchtitan runs it: sharded weights are the fp32 masters.
    (
        r"torchtitan|FSDP|Playbook|SmolLM",
        Software(
            gradient_bytes=4, weight_bytes=4, optimizer_bytes=8, accumulates_whole=True, selective="operators",
            overlaps_gradients=True, overlaps_gathers=True, compiled=True,
        ),
    ),
    (r"llm\.c|modded|nanochat", Software(overlaps_gradients=True, compiled=True)),
    (r"MegaScale", Software(gradient_bytes=4, overlaps_gradients=True, overlaps_gathers=True, overlaps_tensor=True)),
    (
        r"Bridge|NeMo|Megatron-Core|ModelZoo|Llama 3 Herd|DeepSeek",
        Software(gradient_bytes=4, overlaps_gradients=True, overlaps_gathers=True, overlaps_tensor=True, compiled=True),
    ),
)  # fmt: skip


def software_of(paper: str) -> Software:
    """The stack of a paper; one of today where it is unknown."""
    return next((stack for pattern, stack in _STACKS if re.search(pattern, paper)), _STACKS[-1][1])
