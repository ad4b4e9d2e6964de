"""One block on one rank, for one micro-batch: what its forward and backward passes compute, free of any calibration.

A rank of a tensor group holds 1/t of every matrix: products get narrower, the residual stream does not, unless sequence
parallelism shares it out. Experts stand on ranks folded anew, and meet the rows that a router sends them, dealt evenly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from orchestrator.architecture.parts import FeedForward, FeedForwardPart, GatedFeedForward, MixtureOfExperts
from orchestrator.architecture.stack import Block
from orchestrator.planning.software import Software
from orchestrator.planning.timing.attention import Scores, scores
from orchestrator.planning.timing.elementwise import inner_elements, stream_elements
from orchestrator.planning.timing.products import Product, Unit, product

HOST_FORWARD = 18
"""Operations of a plain block beside its scores: products, biases, norms, residuals, activation, reshapes."""
HOST_COMPILED = 9
HOST_BACKWARD = 1.3
"""Backward operations to forward ones, weighted by the host's time: autograd's engine has no interpreter."""
HOST_EXPERTS = 35
"""A router's scores, choice, counts, sorting and exchange."""


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

    @property
    def tokens(self) -> int:
        return self.sequences * -(-self.length // self.context)

    @property
    def shared(self) -> int:
        """Ranks that the residual stream is shared out over."""
        return self.tensor if self.sequence_parallel else 1


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One direction: products; attention; seconds of elementwise bytes at full bandwidth; host operations."""

    products: tuple[Product, ...]
    scores: Scores
    moved: float
    host: float


@dataclass(frozen=True, kw_only=True)
class BlockCost:
    """Both directions, and bytes: of the stream between tensor ranks, of keys and values, of rows sent to experts."""

    forward: Pass
    backward: Pass
    stream: float
    keys: float
    routed: float
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
        software=software, unit=part.unit,
    )  # fmt: skip
    feed, routed = block.feed_forward, _rows_per_token(block.feed_forward, part)
    matrices = [*_attention_matrices(block, part), *_feed_forward_matrices(feed, part)]
    forward = tuple(_matmul(*each, part) for each in matrices)
    backward = tuple(made for each in matrices for made in _backward(*each, part))
    tokens, width = part.tokens, part.width
    stream_forward, stream_backward = stream_elements(block, software)
    inner_forward, inner_backward = inner_elements(block, software, routed / tensor)
    cut = 1 if isinstance(feed, MixtureOfExperts) else 1 / tensor
    weights = sum(count * n * k for count, _, n, k in matrices)
    per_byte = 1 / part.unit.bandwidth
    moved_forward = tokens * width * (stream_forward / part.shared + inner_forward * cut) * per_byte
    moved_backward = tokens * width * (stream_backward / part.shared + inner_backward * cut) * per_byte
    if part.narrow.operand == 1:
        # Operands are cast to one byte, and again turned for the backward pass.
        cast = sum(count * m * (k + n) for count, m, n, k in matrices) * 4 * per_byte
        moved_forward, moved_backward = moved_forward + cast, moved_backward + cast
    host = (HOST_COMPILED if software.compiled else HOST_FORWARD) + (HOST_EXPERTS if isinstance(feed, MixtureOfExperts) else 0)
    sent = routed * tokens / (tensor if part.expert_tensor < tensor else 1) * attention.hidden * width
    return BlockCost(
        forward=Pass(products=forward, scores=forward_scores, moved=moved_forward, host=host + forward_scores.kernels),
        backward=Pass(
            products=backward, scores=backward_scores, moved=moved_backward + weights * part.accumulates * per_byte,
            host=HOST_BACKWARD * (host + backward_scores.kernels),
        ),
        stream=tokens * attention.hidden * width, keys=2 * tokens * max(1, attention.kv_heads // tensor) * attention.head_dim * width,
        routed=sent, copies=routed, experts=isinstance(feed, MixtureOfExperts),
    )  # fmt: skip


Matrix = tuple[int, int, int, int]
"""How many products, and [m, k] x [k, n] of each."""


def _attention_matrices(block: Block, part: Slice) -> list[Matrix]:
    attention = block.attention
    queries = -(-attention.heads // part.tensor) * attention.head_dim
    keys = max(1, attention.kv_heads // part.tensor) * attention.head_dim
    return [(1, part.tokens, queries + 2 * keys, attention.hidden), (1, part.tokens, attention.hidden, queries)]


def _feed_forward_matrices(feed: FeedForwardPart, part: Slice) -> list[Matrix]:
    tokens, tensor = part.tokens, part.tensor
    if isinstance(feed, MixtureOfExperts):
        folded = tokens // (tensor if part.expert_tensor < tensor else 1)
        local = max(1, feed.router.experts // part.expert)
        rows = max(1, folded * feed.router.per_token // local)
        inner = replace(part, sequences=1, length=rows, context=1, tensor=part.expert_tensor)
        routing = (1, tokens, feed.router.experts, feed.router.hidden)
        return [routing, *((count * local, m, n, k) for count, m, n, k in _feed_forward_matrices(feed.expert, inner))]
    size = -(-feed.size // tensor)
    up = 2 * size if isinstance(feed, GatedFeedForward) else size
    return [(1, tokens, up, feed.hidden), (1, tokens, feed.hidden, size)]


def _rows_per_token(feed: FeedForwardPart, part: Slice) -> float:
    """Rows of feed-forward that a token becomes on its rank."""
    if isinstance(feed, MixtureOfExperts):
        return feed.router.per_token
    assert isinstance(feed, FeedForward | GatedFeedForward)
    return 1.0


def _matmul(count: int, m: int, n: int, k: int, part: Slice) -> Product:
    return _grouped(count, m, n, k, part.narrow)


def _backward(count: int, m: int, n: int, k: int, part: Slice) -> tuple[Product, Product]:
    """The input's gradient, and the weight's."""
    rows = min(n & -n, k & -k)
    adds = part.accumulates == 0 and part.software.gradient_bytes == 4
    return (
        _grouped(count, m, k, n, part.narrow),
        product(n, k, m, part.narrow, batch=count, aligned=rows, accumulates=adds),
    )


def _grouped(count: int, m: int, n: int, k: int, unit: Unit) -> Product:
    return product(m, n, k, unit, batch=count)
