"""Scores and weighted values: in one kernel that keeps no matrix of scores, or as batched products around a softmax.

The second is how Megatron-LM was until 2022, and why BLOOM's authors found 64 heads 30 % faster than 128: every head
has a matrix of s x s that is written and read many times, and heads that are no multiple of 16 bytes wide leave the
tensor cores (bigscience, chronicles-prequel, "NHEADs comparison").
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.architecture.parts import ALiBi, Attention
from orchestrator.planning.calibration import BACKWARD_ATTENTION, BACKWARD_ATTENTION_SPEED
from orchestrator.planning.software import Software
from orchestrator.planning.timing.products import Product, Unit, product

FORWARD_SCORE_BYTES = 9
"""Of one score beside the products' own: softmax 4, dropout and its mask 5. A count."""
BACKWARD_SCORE_BYTES = 11
"""Dropout 5, softmax 6. A count."""
FOUR = 4
"""Matrices of scores that one block of Megatron-LM's own softmax kernel does: it takes multiples (fused_softmax.py). Looked for after a residual."""
UNFUSED = 2.5
"""Bytes of a softmax of single operations, in fp32, to the kernel's. Set in view."""
UNFUSED_KERNELS = 8
"""Operations of such a softmax beyond the kernel's one. Set in view."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Fused: seconds at peak. Else products, and seconds of bytes at full memory bandwidth."""

    fused: float = 0.0
    products: tuple[Product, ...] = ()
    moved: float = 0.0
    kernels: int = 1


def scores(
    part: Attention, *, sequences: int, length: int, queries: int, heads: int, software: Software, unit: Unit,
    eager_alibi: bool = False,
) -> tuple[Scores, Scores]:  # fmt: skip
    """(forward, backward) of `sequences` x `queries` rows on `length` columns, `heads` of them on this rank.

    eager_alibi: ALiBi's biases are added to a matrix of scores in single operations (`Held.eager_alibi`), whatever else is fused.
    """
    eager = eager_alibi and isinstance(part.position, ALiBi)
    if software.attention == "fused" and not eager:
        # Kernels do heads in tiles of these widths.
        padded = next((width for width in (64, 96, 128, 192, 256) if width >= part.head_dim), part.head_dim) / part.head_dim
        flops = sequences * queries * part.score_flops(length) * heads / part.heads * padded
        flops *= 0.5 if part.causal and software.causal_skips else 1.0
        forward = flops / unit.peak / software.attention_speed
        return Scores(fused=forward), Scores(fused=forward * BACKWARD_ATTENTION / BACKWARD_ATTENTION_SPEED, kernels=2)
    batch, width = sequences * heads, part.head_dim
    inner = product(queries, length, width, unit, batch=batch, aligned=width)
    outer = product(queries, width, length, unit, batch=batch, aligned=width)
    cells = float(batch) * queries * length / unit.bandwidth * unit.operand / 2
    whole = batch % FOUR == 0 and not eager
    cells *= 1 if whole else UNFUSED
    more = 0 if whole else UNFUSED_KERNELS
    return (
        Scores(products=(inner, outer), moved=FORWARD_SCORE_BYTES * cells, kernels=8 + more),
        Scores(products=(inner, outer, outer, outer), moved=BACKWARD_SCORE_BYTES * cells, kernels=10 + more),
    )
