"""What one block keeps for its backward pass, part by part, in bytes per token.

The counts are those of Korthikanti et al. 2022 (arXiv:2205.05198, section 4), summed over a block's own sizes, so that
grouped queries, gated units and experts count as what they are. In 16 bits and for GPT's shape with dropout they are

    attention   11 s b h + 5 a s^2 b     inputs, queries, keys, values; scores, their softmax and dropout
    feed-forward   19 s b h              inputs, the activation's input and output; a mask of dropout
    norms        4 s b h
    altogether  s b h (34 + 5 a s / h), cut by tensor parallelism s b h (10 + 24 / t + 5 a s / (h t))

`whole` tensors are as wide as the residual stream, and on every rank of a tensor group unless it shares out the
sequence; `cut` ones are shared out by tensor parallelism. Fused attention keeps no scores; what it keeps beside its inputs
and its output, a number per head and position, is too little to count.
"""

from __future__ import annotations

from orchestrator.architecture.parts import (
    ALiBi,
    FeedForwardPart,
    GatedFeedForward,
    MixtureOfExperts,
    RMSNorm,
    Rotary,
)
from orchestrator.architecture.stack import Block
from orchestrator.planning.held import Held
from orchestrator.planning.layout import Layout
from orchestrator.planning.software import Software
from orchestrator.planning.uneven import uneven

FP32 = 4
MASK = 1
"""Bytes of an element of a dropout mask."""


def whole_bytes(block: Block, width: int, held: Held, again: frozenset[str] = frozenset()) -> int:
    """Per token, what every rank of a tensor group keeps: inputs of both norms and of both halves, and masks of dropout.

    Parallel halves have one input for both norms. again: modules that are computed again, so that norms' outputs are not kept.
    """
    norms = 2 if block.residual == "serial" else 1
    halves = 0 if "norms" in again else 2
    copies = 2 * FP32 if held.eager_norms and isinstance(block.norm, RMSNorm) else 0
    masks = 2 * MASK if held.dropout else 0
    return block.attention.hidden * ((norms + halves) * width + copies + masks)


def score_bytes(block: Block, width: int, software: Software, held: Held, positions: int) -> int:
    """Per token, the scores that are kept over `positions` keys: softmax, and with dropout its mask and output."""
    attention = block.attention
    if held.eager_alibi and isinstance(attention.position, ALiBi):
        return attention.heads * positions * (FP32 + (width if width < FP32 else 0))
    if software.attention == "fused":
        return 0
    return attention.heads * positions * (2 * width + MASK if held.dropout else width)


def cut_bytes(
    block: Block, width: int, held: Held, layout: Layout, *, fused: bool, again: frozenset[str] = frozenset()
) -> float:  # fmt: skip
    """Per token and before the cut by tensor: queries, keys, values, attention's output, the feed-forward's inside.

    fused: one product makes queries, keys and values. again: modules that are computed again.
    """
    attention = block.attention
    queries, keys = attention.heads * attention.head_dim, attention.kv_heads * attention.head_dim
    twice = held.fused_rotary == "always" or (held.fused_rotary == "named" and fused)
    rotated = queries + keys if twice and isinstance(attention.position, Rotary) else 0
    return width * (2 * queries + 2 * keys + rotated + _inside(block.feed_forward, held, layout, again))


def operators_bytes(block: Block, width: int) -> tuple[float, float]:
    """(whole, cut) per token where every second matrix product's output and attention's are kept (torchtitan's `op`).

    Of queries, keys, values, output, gate, up and down these are the first, third, fifth and seventh; and the block's input.
    """
    attention, part = block.attention, block.feed_forward
    queries, keys = attention.heads * attention.head_dim, attention.kv_heads * attention.head_dim
    experts = isinstance(part, MixtureOfExperts)
    size = part.router.per_token * part.expert.size if isinstance(part, MixtureOfExperts) else part.size
    cut = 2 * queries + keys + (2 if experts else 1) * size
    return width * 2 * attention.hidden, width * cut


def temporary_bytes(block: Block, width: int, layout: Layout) -> float:
    """Per token and before the cut by tensor: the gradients of the feed-forward's widest tensors while it is differentiated."""
    part = block.feed_forward
    if isinstance(part, MixtureOfExperts):
        return 3 * width * part.router.per_token * part.expert.size * uneven(part, layout.expert)
    return (3 if isinstance(part, GatedFeedForward) else 2) * width * part.size


def _inside(part: FeedForwardPart, held: Held, layout: Layout, again: frozenset[str]) -> float:
    """Elements; a plain unit keeps the activation's input and output, a gated one its two inputs at least."""
    if "feed_forward" in again:
        return 0.0
    gated = 2 if "activation" in again else held.gated
    if isinstance(part, GatedFeedForward):
        return gated * part.size
    if isinstance(part, MixtureOfExperts):
        # Each token is copied to its experts and back, on every rank that shares them; the router's scores are kept in fp32.
        copies = part.router.per_token * uneven(part, layout.expert)
        return copies * (gated * part.expert.size + 2 * part.expert.hidden * layout.expert_tensor) + 2 * part.router.experts
    return (1 if "activation" in again else 2) * part.size
