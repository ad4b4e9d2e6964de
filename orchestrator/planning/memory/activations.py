"""What one block keeps for its backward pass, part by part, in elements per token.

Attention is fused (no matrix of scores is kept). The counts follow Korthikanti et al. 2022 (arXiv:2205.05198, section
4): some tensors are as wide as the residual stream and whole on every rank of a tensor group unless it shares out the
sequence; the others are cut by tensor parallelism. These are estimates, not yet fitted to measurements.
"""

from __future__ import annotations

from orchestrator.architecture.parts import FeedForwardPart, GatedFeedForward, MixtureOfExperts
from orchestrator.architecture.stack import Block


def whole_elements(block: Block) -> int:
    """Per token, what every rank of a tensor group keeps: inputs of norms and of both halves, and residuals."""
    return 6 * block.attention.hidden


def cut_elements(block: Block) -> int:
    """Per token, what a tensor group shares out: queries, keys, values, attention's output, the feed-forward's inside."""
    attention = block.attention
    queries, keys = attention.heads * attention.head_dim, attention.kv_heads * attention.head_dim
    return 3 * queries + 4 * keys + _inside(block.feed_forward)


def _inside(part: FeedForwardPart) -> int:
    """A gated unit keeps gate, up, activation and product; a plain one the activation's input and output."""
    if isinstance(part, GatedFeedForward):
        return 4 * part.size
    if isinstance(part, MixtureOfExperts):
        # Each token is copied to its experts and back, and the router's scores are kept in fp32.
        return part.router.per_token * (4 * part.expert.size + 2 * part.expert.hidden) + 2 * part.router.experts
    return 2 * part.size
