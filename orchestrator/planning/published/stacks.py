"""Who trained a published row: the traits of the software it ran on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from orchestrator.planning.published.held import held_of
from orchestrator.planning.software import Software

_STACKS = (
    (r"Korthikanti", Software(attention="scores", gradient_bytes=4, adds_in_products=True)),
    (r"SC21|Megatron-LM README|vTrain", Software(attention="scores", gradient_bytes=4)),
    (r"BLOOM|bigscience|NeoX|DeepSpeed on Azure|OPT|MT-NLG|Turing-NLG", Software(attention="scores", gradient_bytes=2)),
    (r"MosaicML", Software(gradient_bytes=2, overlaps_gradients=True, overlaps_gathers=True, stops_early=True)),
    (
        r"Kempner",
        Software(
            gradient_bytes=4, overlaps_gradients=True, overlaps_gathers=True, compiled=True, stops_early=True, reduces_once=True,
        ),
    ),
    (
        r"torchtitan|FSDP|Playbook|SmolLM",
        # "op" of torchtitan's selective recomputation keeps every second product and attention.
        Software(gradient_bytes=4, overlaps_gradients=True, overlaps_gathers=True, compiled=True, selective=0.5, stops_early=True),
    ),
    (r"llm\.c|modded|nanochat", Software(overlaps_gradients=True, compiled=True)),
    (r"MegaScale", Software(gradient_bytes=4, overlaps_gradients=True, overlaps_gathers=True, overlaps_tensor=True, adds_in_products=True)),
    (
        # DualPipe computes one micro-batch while it exchanges another (arXiv:2412.19437, section 3.2.1).
        r"DeepSeek-V3 technical",
        Software(
            gradient_bytes=4, overlaps_gradients=True, overlaps_gathers=True, overlaps_experts=True, compiled=True, one_copy=True,
            adds_in_products=True,
        ),
    ),
    (
        # cuDNN 9 and FlashAttention 3 on Hopper: 1.5 to 2 times FlashAttention-2 (arXiv:2407.08608, section 4.1).
        r"Bridge",
        Software(
            attention_speed=1.5, gradient_bytes=4, overlaps_gradients=True, overlaps_gathers=True, overlaps_tensor=True, compiled=True,
            one_copy=True, adds_in_products=True,
        ),
    ),
    (
        r"Bridge|NeMo|Megatron-Core|ModelZoo|Llama 3 Herd|DeepSeek",
        Software(
            gradient_bytes=4, overlaps_gradients=True, overlaps_gathers=True, overlaps_tensor=True, compiled=True, one_copy=True,
            adds_in_products=True,
        ),
    ),
)  # fmt: skip


_MODULES = (("norm", "norms"), (r"\bact", "activation"), ("moe", "feed_forward"))
_BEFORE_FUSED = Software(attention="scores", gradient_bytes=2)
_SHARDED = Software(gradient_bytes=4, overlaps_gradients=True, overlaps_gathers=True, stops_early=True)


def software_of(row: Mapping[str, str]) -> Software:
    """The stack of a row's paper and of what it computes again.

    Of a paper that is not known: one of today; one that keeps scores where the row is in fp16 or on V100 and does not speak of
    a fused kernel, as such runs are of before it; and a sharded one where weights are.
    """
    recompute, notes = row["recompute"], row["notes"]
    stack = next((stack for pattern, stack in _STACKS if re.search(pattern, row["paper"])), None) or _unknown(row)
    again = frozenset(ours for theirs, ours in _MODULES if re.search(theirs, recompute, re.IGNORECASE))
    return replace(stack, held=replace(held_of(row["paper"], notes), again=again))


def _unknown(row: Mapping[str, str]) -> Software:
    old = "V100" in row["gpu_type"] or ("fp16" in row["precision"].lower() and "A100" in row["gpu_type"])
    if old and "flash" not in row["notes"].lower():
        return _BEFORE_FUSED
    return _SHARDED if row["zero_stage"].startswith("3") else _STACKS[-1][1]
