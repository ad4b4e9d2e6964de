"""What a training stack holds in memory beyond what its layout says: traits beside those of software.py.

The ZeRO paper's 16 bytes per parameter are nobody's: one stack keeps gradients twice, one keeps no fp32 masters, one
copies every bucket it reduces, and a loss takes 8 or 18 bytes per logit. The same layout then differs by a third.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Held:
    """Traits of one stack, in bytes per parameter or per logit where they are numbers.

    weight_bytes, optimizer_bytes: between steps, where not those of 16 bits with fp32 masters and moments.
    gradient_bytes: kept, where not those that are reduced (`Software.gradient_bytes`); gradient_bytes_bf16: in bf16, where
        that differs (DeepSpeed's BF16_Optimizer: 4 beside 2).
    gradients_beside: at ZeRO 1 the fp32 gradients that are accumulated lie beside those of the weights' width.
    casts_gradients: 16 bit gradients are copied to fp32 for the optimizer's step, those of its partition.
    flat_partitions: ZeRO's partition is a copy of its own, of fp32 weights too.
    accumulates_whole: at ZeRO 3 gradients stay whole, in fp32, until the last micro-batch (FSDP without synchronisation).
    live_parameters: how many gathered parameters ZeRO 3 keeps; None: those of two blocks and of the vocabulary.
    bucket: elements of the bucket that gradients are copied to; 0: they are reduced where they lie.
    dropout: masks of dropout are kept.
    selective: what is computed again under `selective`: attention's scores, or all but every second product's output.
    again: beside them, modules of a block by name: `norms`, `activation`, `feed_forward` (Megatron-core's `recompute_modules`).
    inputs_in_host: the inputs of blocks that are computed again lie in host memory (checkpointing on the CPU).
    logit_bytes: at the peak of the loss, copies and gradients together; logits_whole: not cut by tensor parallelism.
    keeps_outputs: a pipeline stage's output stays until its backward pass.
    gated: tensors of the feed-forward's size that a gated unit keeps: gate, up, activation and product; fewer where a compiler
        has one computed again, more where one is copied.
    eager_norms: RMS norms are made of single operations, which keep an fp32 copy of their input each.
    eager_alibi: ALiBi's biases are added to a matrix of scores, whose softmax is kept in fp32 and in the weights' width.
    fused_rotary: rotated queries and keys lie beside the product that they were cut from, which the values keep alive;
        `named`: where `transformers` has one matrix for all three.
    """

    weight_bytes: int | None = None
    gradient_bytes: int | None = None
    gradient_bytes_bf16: int | None = None
    optimizer_bytes: int | None = None
    gradients_beside: bool = False
    casts_gradients: bool = False
    flat_partitions: bool = False
    accumulates_whole: bool = False
    live_parameters: int | None = None
    bucket: int = 0
    dropout: bool = False
    selective: Literal["scores", "operators"] = "scores"
    again: frozenset[str] = frozenset()
    inputs_in_host: bool = False
    logit_bytes: int = 12
    logits_whole: bool = False
    keeps_outputs: bool = False
    gated: int = 4
    eager_norms: bool = False
    eager_alibi: bool = False
    fused_rotary: Literal["never", "always", "named"] = "never"


BUCKET_ELEMENTS = 50_000_000
"""DeepSpeed's reduce bucket as this project configures it, at most."""

_TRANSFORMERS = Held(logit_bytes=18, eager_norms=True, eager_alibi=True, fused_rotary="named")
"""objectives: logits.float(), log-softmax, and the gradients of both, beside the logits themselves."""

ENGINES: MappingProxyType[str, Held] = MappingProxyType(
    {
        "reference": _TRANSFORMERS,
        "deepspeed": replace(
            _TRANSFORMERS, gradients_beside=True, flat_partitions=True, live_parameters=10**9, bucket=BUCKET_ELEMENTS
        ),
        # engines/megatron/logits.py: the logits, one fp32 copy, the gradient. Core adds an offset of zero to a gated unit's half.
        "megatron": Held(logit_bytes=8, gated=5, fused_rotary="always"),
    }
)
"""What the engines of this project hold, as autograd shows it (tests/engines/test_kept.py, test_held.py)."""
