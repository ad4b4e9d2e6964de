"""What the stacks of published rows hold in memory, from their sources."""

from __future__ import annotations

import re
from dataclasses import replace

from orchestrator.planning.held import Held

_MEGATRON = Held(dropout=True, logit_bytes=10, keeps_outputs=True)
"""Megatron-LM to 2022: logits, their fp32 copy and its softmax; a stage's outputs stay until their backward pass."""
_MEGATRON_DEEPSPEED = replace(_MEGATRON, gradient_bytes_bf16=6, casts_gradients=True, bucket=500_000_000, logit_bytes=14)
"""Gradients lie in 16 bits, and for the step in fp32 too; in bf16 they are accumulated in fp32 beside. The pipeline has two
buffers at least, so that on the last stage the fp32 logits of the micro-batch before are still held (`_exec_backward_pass`
of DeepSpeed's pipe/engine.py returns early there)."""
_ZERO_3 = replace(_MEGATRON_DEEPSPEED, live_parameters=10**9, logit_bytes=10)
"""Without a pipeline one micro-batch's logits; `stage3_max_live_parameters` at DeepSpeed's default."""
_FSDP = Held(weight_bytes=4, optimizer_bytes=8, accumulates_whole=True, gated=3)
"""FSDP: the sharded weights are the fp32 masters. Compiled, so that a gated unit's activation is computed again."""

_STACKS = (
    (r"Korthikanti|SC21|Megatron-LM README|vTrain", _MEGATRON),
    (r"BLOOM|bigscience|NeoX|DeepSpeed on Azure|OPT|MT-NLG|Turing-NLG", _MEGATRON_DEEPSPEED),
    # kempnerforge/distributed: a model made in bf16, so moments too; the head's output gathered for the loss, which is bf16.
    (
        r"Kempner",
        replace(_FSDP, weight_bytes=2, gradient_bytes=2, optimizer_bytes=4, logit_bytes=8, logits_whole=True),
    ),
    # torchtitan's `op`: every second matrix product is kept.
    (r"torchtitan", replace(_FSDP, selective="operators")),
    # llm-foundry: Composer reduces gradients after every micro-batch, and flash-attn's fused loss leaves the logits in 16 bits
    # and writes their gradient over them.
    (r"MosaicML", replace(_FSDP, accumulates_whole=False, logit_bytes=4)),
    (r"FSDP|Playbook|SmolLM", _FSDP),
)


def held_of(paper: str, notes: str = "") -> Held:
    """What the stack of a paper holds, and what a row's notes add to it; what Megatron-core does where nothing is known."""
    held = next((held for pattern, held in _STACKS if re.search(pattern, paper)), Held(gated=3))
    held = _ZERO_3 if "ZeRO-3" in notes and held is _MEGATRON_DEEPSPEED else held
    return replace(held, inputs_in_host="activation cpu checkpointing" in notes)
