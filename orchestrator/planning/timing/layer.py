"""One block on one rank, for one micro-batch: what its forward and backward passes compute, free of any calibration.

A rank of a tensor group holds 1/t of every matrix: products get narrower, the residual stream does not, unless sequence
parallelism shares it out. Experts stand on ranks folded anew, and meet the rows that a router sends them, dealt evenly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

from orchestrator.architecture.parts import FeedForwardPart, GatedFeedForward, MixtureOfExperts
from orchestrator.architecture.stack import Block
from orchestrator.planning.software import Software
from orchestrator.planning.timing.attention import Scores, scores
from orchestrator.planning.timing.elementwise import (
    copied_elements,
    inner_elements,
    row_elements,
    stream_elements,
)
from orchestrator.planning.timing.products import Product, Unit, product
from orchestrator.planning.uneven import uneven

HOST_FORWARD = 26
"""Operations of a plain block beside its scores: products, biases, norms, residuals, activation, reshapes, random states.
Set in view."""
HOST_COMPILED = 9
"""Of those, what a compiler leaves. Set in view."""
HOST_BACKWARD = 1.3
"""Backward operations to forward ones, weighted by the host's time: autograd's engine has no interpreter. Set in view."""
CAST_BYTES = 4
"""Two read, one written, and one written turned: fp8 products take both operands with rows along the sum (Hopper). A count."""
HOST_EXPERTS = 35
"""A router's scores, choice, counts, sorting and exchange. Set in view."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """What one rank sees of a micro-batch, and on what it computes. Hashable: a block's cost is worked out once.

    accumulates: bytes per weight and micro-batch of adding its gradient to a buffer.
    """

    sequences: int
    length: int
    context: int
    tensor: int
    expert: int
    expert_tensor: int
    sequence_parallel: bool
    software: Software
    unit: Unit
    narrow: Unit
    width: int
    accumulates: int
    eager_alibi: bool = False
    uneven: bool = False

    @property
    def tokens(self) -> int:
        return self.sequences * -(-self.length // self.context)

    @property
    def shared(self) -> int:
        """Ranks that the residual stream is shared out over."""
        return self.tensor if self.sequence_parallel else 1

    @property
    def dealt(self) -> float:
        """Share of its tensor group's tokens whose rows a rank's experts meet, were all experts its own.

        Where experts are cut over fewer ranks than the rest, each rank brings its own part of the tokens; where over more,
        the ranks that share an expert gather each other's.
        """
        return self.expert_tensor / self.tensor

    def rows(self, feed: MixtureOfExperts) -> float:
        """That this rank's experts meet, on the fullest rank where routing is uneven."""
        return self.tokens * self.dealt * feed.router.per_token * (uneven(feed, self.expert) if self.uneven else 1.0)


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One direction: products; attention; seconds of elementwise bytes at full bandwidth; host operations; experts' own."""

    products: tuple[Product, ...]
    scores: Scores
    moved: float
    host: float
    experts: tuple[Product, ...] = ()
    experts_moved: float = 0.0


@dataclass(frozen=True, kw_only=True)
class BlockCost:
    """Both directions, and bytes: of the stream between tensor ranks, of queries, of keys and values, of rows sent to experts.

    Tensor ranks share out a mixture's tokens, so `routed` is of one rank's part, and `gathered` of what the ranks that share
    an expert bring together for it (Megatron-core's all-to-all dispatcher). reduces: halves of the block that end in a sum
    over tensor ranks; of a mixture's, only the unit that every token meets.
    Keys that context ranks exchange for heads are repeated until each has one (engines/megatron/attention.py).
    """

    forward: Pass
    backward: Pass
    stream: float
    queries: float
    keys: float
    routed: float
    gathered: float
    reduces: int
    copies: float
    """Experts that a token is sent to."""
    experts: bool


@lru_cache(maxsize=4096)
def block_cost(block: Block, part: Slice) -> BlockCost:
    """The cost of one block on one rank of a stage, per micro-batch."""
    attention, software, tensor = block.attention, part.software, part.tensor
    heads = -(-attention.heads // tensor)
    forward_scores, backward_scores = scores(
        attention, sequences=part.sequences, length=part.length, queries=-(-part.length // part.context), heads=heads,
        software=software, unit=part.unit, eager_alibi=part.eager_alibi,
    )  # fmt: skip
    feed, routed = block.feed_forward, _rows_per_token(block.feed_forward)
    mixture = isinstance(feed, MixtureOfExperts)
    plain, dealt = [*_attention_matrices(block, part), *_shared_matrices(feed, part)], _feed_forward_matrices(feed, part)
    if not mixture:
        plain, dealt = [*plain, *dealt], []
    moved, experts_moved = _moved(block, part)
    host = (HOST_COMPILED if software.compiled else HOST_FORWARD) + (HOST_EXPERTS if mixture else 0)
    keys = max(1, attention.kv_heads // tensor)
    keys = math.lcm(keys, part.context) if software.context == "heads" else keys
    gathered = part.rows(feed) * attention.hidden * part.width if isinstance(feed, MixtureOfExperts) else 0.0
    word = part.tokens * attention.head_dim * part.width
    return BlockCost(
        forward=Pass(
            products=_forward(plain, part), scores=forward_scores, moved=moved[0] + _casts(plain, part),
            host=host + forward_scores.kernels, experts=_forward(dealt, part), experts_moved=experts_moved[0] + _casts(dealt, part),
        ),
        backward=Pass(
            products=_backward(plain, part), scores=backward_scores,
            moved=moved[1] + _casts(plain, part, backward=True) + _added(plain, part),
            host=HOST_BACKWARD * (host + backward_scores.kernels), experts=_backward(dealt, part),
            experts_moved=experts_moved[1] + _casts(dealt, part, backward=True) + _added(dealt, part),
        ),
        stream=part.tokens * attention.hidden * part.width, queries=heads * word, keys=2 * keys * word,
        routed=gathered / part.expert_tensor, gathered=gathered if part.expert_tensor > 1 else 0.0,
        reduces=1 if isinstance(feed, MixtureOfExperts) and not feed.shared else 2, copies=routed, experts=mixture,
    )  # fmt: skip


def _moved(block: Block, part: Slice) -> tuple[list[float], list[float]]:
    """Seconds of elementwise bytes at full bandwidth, [forward, backward]: of all but experts, and of experts."""
    feed, software, tensor = block.feed_forward, part.software, part.tensor
    stream, inner, rows = stream_elements(block, software), inner_elements(block, software), row_elements(feed, software)
    token = part.tokens * part.width / part.unit.bandwidth
    plain = [token * (of_stream / part.shared + of_inner / tensor) for of_stream, of_inner in zip(stream, inner, strict=True)]
    if not isinstance(feed, MixtureOfExperts):
        return [one + token * each / tensor for one, each in zip(plain, rows, strict=True)], [0.0, 0.0]
    always = row_elements(replace(feed.expert, size=feed.shared), software) if feed.shared else (0.0, 0.0)
    plain = [one + token * each / tensor for one, each in zip(plain, always, strict=True)]
    row = part.rows(feed) * part.width / part.unit.bandwidth
    return plain, [row * (inside / part.expert_tensor + copied) for inside, copied in zip(rows, copied_elements(feed), strict=True)]


Matrix = tuple[int, int, int, int]
"""How many products, and [m, k] x [k, n] of each."""


def _attention_matrices(block: Block, part: Slice) -> list[Matrix]:
    """Products that make heads are cut by heads, the last by what goes in; narrow latent vectors are made whole."""
    attention, tensor = block.attention, part.tensor
    if attention.latent is None:
        queries = -(-attention.heads // tensor) * attention.head_dim
        keys = max(1, attention.kv_heads // tensor) * attention.head_dim
        return [(1, part.tokens, queries + 2 * keys, attention.hidden), (1, part.tokens, attention.hidden, queries)]
    *inward, (hidden, values) = attention.projections
    made = [(1, part.tokens, rows if columns == hidden else -(-rows // tensor), columns) for rows, columns in inward]
    return [*made, (1, part.tokens, hidden, -(-values // tensor))]


def _shared_matrices(feed: FeedForwardPart, part: Slice) -> list[Matrix]:
    """Of the gated unit that every token meets beside its experts."""
    if not isinstance(feed, MixtureOfExperts) or not feed.shared:
        return []
    size = -(-feed.shared // part.tensor)
    return [(1, part.tokens, 2 * size, feed.router.hidden), (1, part.tokens, feed.router.hidden, size)]


def _feed_forward_matrices(feed: FeedForwardPart, part: Slice) -> list[Matrix]:
    tokens, tensor = part.tokens, part.tensor
    if isinstance(feed, MixtureOfExperts):
        local = max(1, feed.router.experts // part.expert)
        rows = max(1, int(part.rows(feed)) // local)
        inner = replace(part, sequences=1, length=rows, context=1, tensor=part.expert_tensor)
        routing = (1, tokens, feed.router.experts, feed.router.hidden)
        return [routing, *((count * local, m, n, k) for count, m, n, k in _feed_forward_matrices(feed.expert, inner))]
    size = -(-feed.size // tensor)
    up = 2 * size if isinstance(feed, GatedFeedForward) else size
    return [(1, tokens, up, feed.hidden), (1, tokens, feed.hidden, size)]


def _rows_per_token(feed: FeedForwardPart) -> float:
    """Rows of feed-forward that a token becomes."""
    return feed.router.per_token if isinstance(feed, MixtureOfExperts) else 1.0


def _forward(matrices: list[Matrix], part: Slice) -> tuple[Product, ...]:
    return tuple(product(m, n, k, part.narrow, batch=count) for count, m, n, k in matrices)


def _backward(matrices: list[Matrix], part: Slice) -> tuple[Product, ...]:
    """Of every product, the input's gradient and the weight's."""
    adds = part.software.adds_in_products and part.software.gradient_bytes == 4
    inputs = [product(m, k, n, part.narrow, batch=count) for count, m, n, k in matrices]
    weights = [
        product(n, k, m, part.narrow, batch=count, aligned=min(n & -n, k & -k), accumulates=adds) for count, m, n, k in matrices
    ]  # fmt: skip
    return (*inputs, *weights)


def _casts(matrices: list[Matrix], part: Slice, *, backward: bool = False) -> float:
    """Seconds of casting to one byte: inputs in the forward pass, outputs' gradients in the backward pass, and each turned."""
    if part.narrow.operand != 1:
        return 0.0
    return sum(count * m * (n if backward else k) for count, m, n, k in matrices) * CAST_BYTES / part.unit.bandwidth


def _added(matrices: list[Matrix], part: Slice) -> float:
    """Seconds of adding weights' gradients to their buffer."""
    return sum(count * n * k for count, _, n, k in matrices) * part.accumulates / part.unit.bandwidth
