"""A published row's sizes as an Architecture: enough of the model to count it.

A row says layers, widths and heads and seldom whether the feed-forward is gated or the embedding tied; the one that
comes nearest to the parameters it states is taken.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

from orchestrator.architecture.names import LLAMA_LIKE
from orchestrator.architecture.parts import (
    Attention,
    Embedding,
    FeedForward,
    FeedForwardPart,
    GatedFeedForward,
    Head,
    LayerNorm,
    MixtureOfExperts,
    RMSNorm,
    Rotary,
    Router,
)
from orchestrator.architecture.stack import Architecture, Block, HuggingFace

Row = Mapping[str, str]


def architecture_of(row: Row) -> Architecture:
    """The model of a row. Raises ValueError naming the size that the row lacks."""
    sizes = {name: _whole(row, name) for name in ("layers", "hidden", "heads", "vocab", "seq")}
    stated = float(row["params_B"]) * 1e9 if row["params_B"] else None
    candidates = [_build(row, sizes, gated=gated, tied=tied) for gated, tied in itertools.product((False, True), repeat=2)]
    if stated is None:
        return candidates[0]
    return min(candidates, key=lambda model: abs(model.parameters - stated))


def _whole(row: Row, name: str) -> int:
    if not row[name]:
        raise ValueError(f"no {name}")
    return int(float(row[name]))


def _build(row: Row, sizes: Mapping[str, int], *, gated: bool, tied: bool) -> Architecture:
    hidden, heads = sizes["hidden"], sizes["heads"]
    head_dim = max(1, hidden // heads)
    experts = re.search(r"(\d+) experts top(\d+)", row["notes"])
    size = int(float(row["ffn"])) if row["ffn"] else 4 * hidden
    norm = RMSNorm(hidden=hidden, eps=1e-5) if gated or experts else LayerNorm(hidden=hidden, eps=1e-5)
    part: FeedForwardPart
    if experts:
        router = Router(hidden=hidden, experts=int(experts[1]), per_token=int(experts[2]))
        part = MixtureOfExperts(router=router, expert=GatedFeedForward(hidden=hidden, size=size, activation="silu"))
    elif gated:
        part = GatedFeedForward(hidden=hidden, size=size, activation="silu")
    else:
        part = FeedForward(hidden=hidden, size=size, activation="gelu", bias=True)
    attention = Attention(
        hidden=hidden, heads=heads, kv_heads=int(float(row["kv_heads"])) if row["kv_heads"] else heads, head_dim=head_dim,
        bias=not (gated or experts), causal=True, position=Rotary(theta=1e4, head_dim=head_dim, dims=head_dim),
    )  # fmt: skip
    block = Block(attention=attention, feed_forward=part, norm=norm)
    return Architecture(
        embedding=Embedding(vocab=sizes["vocab"], hidden=hidden), blocks=(block,) * sizes["layers"], final_norm=norm,
        head=Head(vocab=sizes["vocab"], hidden=hidden, tied=tied), max_positions=sizes["seq"], initial_std=0.02,
        huggingface=_UNNAMED,
    )  # fmt: skip


_UNNAMED = HuggingFace(model_class="", config_class="", names=LLAMA_LIKE)
