"""The parts a transformer is made of, as data: enough to count, to plan and to build, and no tensor.

Parameter counts and FLOPs were wrong in planners whenever a formula for "the" transformer met a model
with grouped queries, gated units, experts or tied embeddings. Here each part counts itself.

    hidden   width of the residual stream      heads     query heads
    size     width of the feed-forward         kv_heads  key and value heads (grouped queries)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Activation = Literal["silu", "gelu", "gelu_tanh"]
"""`gelu_tanh` is GELU's tanh approximation (Hendrycks and Gimpel 2016, section 2), as BLOOM has it."""


@dataclass(frozen=True, kw_only=True)
class RMSNorm:
    """Root-mean-square norm with a gain and no bias (Zhang and Sennrich 2019)."""

    hidden: int
    eps: float

    @property
    def parameters(self) -> int:
        return self.hidden


@dataclass(frozen=True, kw_only=True)
class LayerNorm:
    """Mean and variance norm with a gain and a bias (Ba et al. 2016)."""

    hidden: int
    eps: float

    @property
    def parameters(self) -> int:
        return 2 * self.hidden


Norm = RMSNorm | LayerNorm


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """Token embedding, [vocab, hidden]; BLOOM norms its output."""

    vocab: int
    hidden: int
    norm: Norm | None = None

    @property
    def parameters(self) -> int:
        return self.vocab * self.hidden + (self.norm.parameters if self.norm else 0)


@dataclass(frozen=True, kw_only=True)
class Rotary:
    """Rotary position embedding (Su et al. 2021) over the first `dims` of each head's `head_dim`; no parameters."""

    theta: float
    head_dim: int
    dims: int


@dataclass(frozen=True, kw_only=True)
class ALiBi:
    """Attention with linear biases (Press et al. 2022): -slope x distance is added to each score; no parameters."""

    heads: int

    @property
    def slopes(self) -> tuple[float, ...]:
        """One slope per head: powers of 2^(-8/n), n the power of two below `heads`; the rest lie between them.

        The paper's own rule for counts that are no power of two, as in its `get_slopes`.
        """
        power = 1 << (self.heads.bit_length() - 1)
        first = tuple(2.0 ** (-8.0 * (index + 1) / power) for index in range(power))
        between = tuple(2.0 ** (-4.0 * (2 * index + 1) / power) for index in range(self.heads - power))
        return first + between


Position = Rotary | ALiBi


@dataclass(frozen=True, kw_only=True)
class Latent:
    """Queries, keys and values made of narrow vectors of `query_rank` and `kv_rank` (DeepSeek-V2, arXiv:2405.04434, 2.1).

    A head is `plain` dims made from those and `turned` dims with rotary position, whose key all heads share; a value is
    `value` wide. The narrow vectors are normed, with a gain each.
    """

    query_rank: int
    kv_rank: int
    plain: int
    turned: int
    value: int


@dataclass(frozen=True, kw_only=True)
class Attention:
    """Multi-head attention; `kv_heads < heads` is grouped-query, `kv_heads == 1` multi-query.

    window: a query sees the last `window` keys only (Beltagy et al. 2020, section 3.1); None: all before it.
    latent: how queries, keys and values are made where not by one product each; then `head_dim` is plain + turned.
    """

    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    bias: bool
    causal: bool
    position: Position
    window: int | None = None
    latent: Latent | None = None

    @property
    def parameters(self) -> int:
        if self.latent:
            return self.matmul_parameters + self.latent.query_rank + self.latent.kv_rank
        queries, keys_and_values = self.heads * self.head_dim, 2 * self.kv_heads * self.head_dim
        return self.matmul_parameters + (queries + keys_and_values + self.hidden if self.bias else 0)

    @property
    def matmul_parameters(self) -> int:
        return sum(rows * columns for rows, columns in self.projections)

    @property
    def projections(self) -> tuple[tuple[int, int], ...]:
        """[output, input] of each matrix, in the order they are used; the last one leads back to `hidden`."""
        made = self.latent
        if made is None:
            return ((self.heads + 2 * self.kv_heads) * self.head_dim, self.hidden), (self.hidden, self.heads * self.head_dim)
        return (
            (made.query_rank, self.hidden), (self.heads * self.head_dim, made.query_rank),
            (made.kv_rank + made.turned, self.hidden), (self.heads * (made.plain + made.value), made.kv_rank),
            (self.hidden, self.heads * made.value),
        )  # fmt: skip

    def score_flops(self, sequence_length: int) -> int:
        """Forward FLOPs per token of scores and weighted values over the full square: twice what a causal mask needs.

        4 s (heads x head_dim). A causal window of w needs w - w^2 / 2s keys for a token of the mean, so twice that stands
        for s.
        """
        keys = sequence_length
        if self.window is not None and self.window < sequence_length:
            keys = 2 * self.window - self.window**2 // sequence_length
        value = self.latent.value if self.latent else self.head_dim
        return 2 * keys * self.heads * (self.head_dim + value)


@dataclass(frozen=True, kw_only=True)
class GatedFeedForward:
    """down(act(gate(x)) * up(x)), three matrices and no bias (Shazeer 2020)."""

    hidden: int
    size: int
    activation: Activation

    @property
    def parameters(self) -> int:
        return 3 * self.hidden * self.size

    matmul_parameters = parameters


@dataclass(frozen=True, kw_only=True)
class FeedForward:
    """down(act(up(x))), two matrices."""

    hidden: int
    size: int
    activation: Activation
    bias: bool

    @property
    def parameters(self) -> int:
        return self.matmul_parameters + (self.size + self.hidden if self.bias else 0)

    @property
    def matmul_parameters(self) -> int:
        return 2 * self.hidden * self.size


@dataclass(frozen=True, kw_only=True)
class Router:
    """Sends each token to its `per_token` best of `experts`; how the load is kept even.

    scores: `softmax` weighs the chosen experts by a softmax over themselves; `sigmoid` by each one's sigmoid,
        normalised over the chosen (DeepSeek-V3, arXiv:2412.19437, section 2.1.2); a single chosen one keeps its sigmoid.
    balance_loss: coefficient of the load-balancing loss of each sequence, E / (k T^2) sum_e p_e n_e, p_e the summed
        probability (softmax, or each sigmoid's share of their sum) and n_e the number of tokens of expert e (Switch, arXiv:2101.03961, section 2.2,
        per sequence as in DeepSeek-V2, so that no layout or micro-batch changes it); 0 leaves it out.
    z_loss: coefficient of the mean squared log-normaliser of the router's logits (ST-MoE, arXiv:2202.08906); 0: none.
    bias_rate: step of the bias added to an expert's score when choosing, up for the underused and down for the
        overused after each optimizer step (arXiv:2408.15664); 0: no bias.
    capacity: tokens an expert takes, as a multiple of an even share; more are dropped. The share is one of the tokens that
        one rank routes of one micro-batch, so which are dropped depends on the layout. None: no token is dropped.
    """

    hidden: int
    experts: int
    per_token: int
    scores: Literal["softmax", "sigmoid"] = "softmax"
    balance_loss: float = 0.0
    z_loss: float = 0.0
    bias_rate: float = 0.0
    capacity: float | None = None

    @property
    def parameters(self) -> int:
        return self.hidden * self.experts

    matmul_parameters = parameters


@dataclass(frozen=True, kw_only=True)
class MixtureOfExperts:
    """A router and its experts, all alike.

    shared: width of a gated unit that every token meets beside its experts (DeepSeekMoE, arXiv:2401.06066, section 3.2),
        all such experts side by side; None: there is none.
    """

    router: Router
    expert: GatedFeedForward
    shared: int | None = None

    @property
    def parameters(self) -> int:
        return self.router.parameters + self.router.experts * self.expert.parameters + self.shared_parameters

    @property
    def matmul_parameters(self) -> int:
        """Of the experts that one token meets."""
        return self.router.matmul_parameters + self.router.per_token * self.expert.matmul_parameters + self.shared_parameters

    @property
    def shared_parameters(self) -> int:
        return 3 * self.expert.hidden * (self.shared or 0)


FeedForwardPart = GatedFeedForward | FeedForward | MixtureOfExperts


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
