"""What a training stack does that costs or saves time and memory: traits of software, not names of it.

A published run of 2021 kept attention's scores in memory and one of 2024 does not; the same layout on the same
devices then differs by a third. The engines of this project have one each, and so has every published row.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Software:
    """Traits of one training stack.

    attention: `fused`, no matrix of scores is kept or written (FlashAttention); `scores`, it is (Megatron-LM before it).
    causal_skips: whether fused attention skips the masked half.
    gradient_bytes: bytes per parameter of the gradient buffer that is reduced; None: that of the weights.
    overlaps_gradients, overlaps_gathers, overlaps_tensor: which communication may run behind computing.
    compiled: elementwise operations are fused by a compiler.
    graphs: the host launches whole graphs, so that its overhead does not count.

    What it holds in memory (bytes per parameter, or per logit):
    weight_bytes, optimizer_bytes: between steps, where not those of 16 bits with fp32 masters and moments.
    gradient_bytes_bf16: in bf16, where its optimizer differs (DeepSpeed's BF16_Optimizer: 4 beside 2).
    gradients_beside: at ZeRO 1 the fp32 gradients lie beside those of the weights' width.
    casts_gradients: 16 bit gradients are copied to fp32 for the optimizer's step, those of its partition.
    flat_partitions: ZeRO's partition is a copy of its own, of fp32 weights too.
    accumulates_whole: at ZeRO 3 gradients stay whole, in fp32, until the last micro-batch (FSDP without synchronisation).
    live_parameters: how many gathered parameters ZeRO 3 keeps; None: those of two blocks and of the vocabulary.
    bucket: elements of the bucket that gradients are copied to; 0: they are reduced where they lie.
    dropout: masks of dropout are kept.
    selective: what is computed again under `selective`: attention's scores, or all but every second product's output.
    logit_bytes: at the peak of the loss, copies and gradients together; logits_whole: not cut by tensor parallelism.
    keeps_outputs: a stage's output stays until its backward pass.
    """

    attention: Literal["fused", "scores"] = "fused"
    causal_skips: bool = True
    gradient_bytes: int | None = None
    overlaps_gradients: bool = False
    overlaps_gathers: bool = False
    overlaps_tensor: bool = False
    compiled: bool = False
    graphs: bool = False
    weight_bytes: int | None = None
    optimizer_bytes: int | None = None
    gradient_bytes_bf16: int | None = None
    gradients_beside: bool = False
    casts_gradients: bool = False
    flat_partitions: bool = False
    accumulates_whole: bool = False
    live_parameters: int | None = None
    bucket: int = 0
    dropout: bool = False
    selective: Literal["scores", "operators"] = "scores"
    logit_bytes: int = 12
    logits_whole: bool = False
    keeps_outputs: bool = False


ENGINES: MappingProxyType[str, Software] = MappingProxyType(
    {
        # logits.float(), log-softmax, and the gradients of both, beside the logits themselves.
        "reference": Software(gradient_bytes=4, logit_bytes=18),
        "deepspeed": Software(
            gradient_bytes=4, overlaps_gradients=True, overlaps_gathers=True, gradients_beside=True, flat_partitions=True,
            live_parameters=10**9, bucket=50_000_000, logit_bytes=18,
        ),
        # engines/megatron/logits.py: the logits, one fp32 copy, the gradient.
        "megatron": Software(gradient_bytes=4, overlaps_gradients=True, overlaps_gathers=True, logit_bytes=8),
    }
)
"""The stacks of this project's engines."""
