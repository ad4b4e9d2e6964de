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
"""Bytes of single operations to those of fused ones. Assumed."""


def stream_elements(block: Block, software: Software) -> tuple[float, float]:
    """(forward, backward) elements per token on the residual stream: what sequence parallelism shares out."""
    hidden = block.attention.hidden
    dropout = 0.5 if software.attention == "scores" else 0.0
    norms = _single(software) if isinstance(block.norm, RMSNorm) else 1.0
    return hidden * (2 * 2 * norms + 2 * (3 + dropout)), hidden * (2 * 4 * norms + 2 * (2 + dropout))


def inner_elements(block: Block, software: Software) -> tuple[float, float]:
    """(forward, backward) elements per token inside attention: what tensor parallelism cuts."""
    attention = block.attention
    turned = (attention.heads + attention.kv_heads) * attention.head_dim if isinstance(attention.position, Rotary) else 0
    return 2 * turned * _single(software), 2 * turned


def row_elements(part: FeedForwardPart, software: Software) -> tuple[float, float]:
    """(forward, backward) elements per row inside a feed-forward, an expert's in a mixture: what cutting its matrices cuts."""
    if isinstance(part, MixtureOfExperts):
        return row_elements(part.expert, software)
    single = _single(software)
    if isinstance(part, GatedFeedForward):
        return 3 * part.size * single, 5 * part.size * single
    return 2 * part.size * single, 3 * part.size * single


def copied_elements(part: MixtureOfExperts) -> tuple[float, float]:
    """(forward, backward) elements per row that is copied to where its expert reads it, and back with its weight: as wide on
    every rank that shares the expert."""
    return 6 * part.expert.hidden, 8 * part.expert.hidden


def _single(software: Software) -> float:
    return 1.0 if software.compiled or software.attention == "scores" else SINGLE
