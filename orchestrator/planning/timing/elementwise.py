"""Operations that memory's bandwidth bounds: norms, activations, residuals, rotary positions, casts. Bytes per token.

Hand-written kernels (Megatron-LM, Transformer Engine) and compilers read and write each tensor once; single operations
one after the other do so once each. Counted in elements, times the width of an activation.

                     forward                                     backward
    norm             read, write                                 read twice, write; gains' gradients read once more
    residual         read twice, write (with dropout a mask)     read, write
    activation       read, write of the inside                   read twice, write
    rotary           read, write of queries and keys             the same
"""

from __future__ import annotations

from orchestrator.architecture.parts import (
    FeedForwardPart,
    GatedFeedForward,
    MixtureOfExperts,
    RMSNorm,
    Rotary,
)
from orchestrator.architecture.stack import Block
from orchestrator.planning.software import Software

SINGLE = 1.6
"""Bytes of single operations to those of fused ones."""


def stream_elements(block: Block, software: Software) -> tuple[float, float]:
    """(forward, backward) elements per token on the residual stream: what sequence parallelism shares out."""
    hidden = block.attention.hidden
    single = 1.0 if software.compiled or software.attention == "scores" else SINGLE
    dropout = 0.5 if software.attention == "scores" else 0.0
    norms = single if isinstance(block.norm, RMSNorm) else 1.0
    return hidden * (2 * 2 * norms + 2 * (3 + dropout)), hidden * (2 * 4 * norms + 2 * (2 + dropout))


def inner_elements(block: Block, software: Software, rows_per_token: float) -> tuple[float, float]:
    """(forward, backward) elements per token inside attention and feed-forward: what tensor parallelism cuts."""
    attention = block.attention
    single = 1.0 if software.compiled or software.attention == "scores" else SINGLE
    turned = (attention.heads + attention.kv_heads) * attention.head_dim if isinstance(attention.position, Rotary) else 0
    inside, backward = _activation(block.feed_forward)
    rotary = 2 * turned * single if software.attention == "fused" else 2 * turned
    return rotary + inside * single * rows_per_token, rotary + backward * single * rows_per_token


def _activation(part: FeedForwardPart) -> tuple[float, float]:
    """Elements per row that meets the feed-forward."""
    if isinstance(part, MixtureOfExperts):
        forward, backward = _activation(part.expert)
        # Rows are copied to where their expert reads them, and back with their weights.
        return forward + 6 * part.expert.hidden, backward + 8 * part.expert.hidden
    if isinstance(part, GatedFeedForward):
        return 3 * part.size, 5 * part.size
    return 2 * part.size, 3 * part.size
