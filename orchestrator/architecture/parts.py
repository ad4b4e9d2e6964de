"""The parts a transformer is made of, as data: enough to count, to plan and to build, and no tensor.

Parameter counts and FLOPs were wrong in planners whenever a formula for "the" transformer met a model
with grouped queries, gated units or tied embeddings. Here each part counts itself.

    hidden   width of the residual stream      heads     query heads
    size     width of the feed-forward         kv_heads  key and value heads (grouped queries)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """Token embedding, [vocab, hidden]."""

    vocab: int
    hidden: int

    @property
    def parameters(self) -> int:
        return self.vocab * self.hidden


@dataclass(frozen=True, kw_only=True)
class RMSNorm:
    """Root-mean-square norm with a gain and no bias (Zhang and Sennrich 2019)."""

    hidden: int
    eps: float

    @property
    def parameters(self) -> int:
        return self.hidden


@dataclass(frozen=True, kw_only=True)
class Rotary:
    """Rotary position embedding over the whole head (Su et al. 2021); no parameters."""

    theta: float
    head_dim: int


@dataclass(frozen=True, kw_only=True)
class Attention:
    """Multi-head attention; `kv_heads < heads` is grouped-query, `kv_heads == 1` multi-query."""

    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    bias: bool
    causal: bool
    position: Rotary

    @property
    def parameters(self) -> int:
        queries, keys_and_values = self.heads * self.head_dim, 2 * self.kv_heads * self.head_dim
        weights = self.hidden * (queries + keys_and_values) + queries * self.hidden
        return weights + (queries + keys_and_values + self.hidden if self.bias else 0)

    @property
    def matmul_parameters(self) -> int:
        return self.hidden * (2 * self.heads + 2 * self.kv_heads) * self.head_dim

    def score_flops(self, sequence_length: int) -> int:
        """Forward FLOPs per token of scores and weighted values over the full square, 4 s (heads x head_dim)."""
        return 4 * sequence_length * self.heads * self.head_dim


@dataclass(frozen=True, kw_only=True)
class GatedFeedForward:
    """down(act(gate(x)) * up(x)), three matrices and no bias (Shazeer 2020)."""

    hidden: int
    size: int
    activation: Literal["silu", "gelu"]

    @property
    def parameters(self) -> int:
        return 3 * self.hidden * self.size

    matmul_parameters = parameters


@dataclass(frozen=True, kw_only=True)
class Head:
    """Language-model head, hidden -> vocab; a tied head is the embedding's own matrix."""

    vocab: int
    hidden: int
    tied: bool

    @property
    def parameters(self) -> int:
        return 0 if self.tied else self.vocab * self.hidden

    @property
    def matmul_parameters(self) -> int:
        return self.vocab * self.hidden
