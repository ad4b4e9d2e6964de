"""A published row's sizes as an Architecture: enough of the model to count it.

A row says layers, widths and heads and seldom whether the feed-forward is gated, the embedding tied or a head as wide as
hidden / heads. Of the models it may mean, the likeliest is taken that has the parameters it states, to the last digit
that it prints; where none has, the nearest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

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
    Norm,
    RMSNorm,
    Rotary,
    Router,
)
from orchestrator.architecture.stack import Architecture, Block, HuggingFace
from orchestrator.planning.published.configs import Config, config_of

Row = Mapping[str, str]
USUAL_VOCAB = 51_200
"""GPT-2's vocabulary as Megatron-LM pads it, where a row says none: of 10 billion parameters a hundredth hangs on it."""
_FAR = 0.03
"""Relative difference from the stated parameters beyond which a head may be of another width than hidden / heads."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What a row says in numbers, or what follows from them."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    ffn: int
    vocab: int
    length: int


def architecture_of(row: Row) -> Architecture:
    """The model of a row. Raises ValueError naming the size that the row lacks."""
    sizes = _sizes(row)
    config = config_of(row)
    usual = config.head_dim if config and config.head_dim else max(1, sizes.hidden // sizes.heads)
    models = list(_candidates(sizes, config, usual))
    if not row["params_B"]:
        return models[0]
    stated = float(row["params_B"]) * 1e9

    def off(model: Architecture) -> float:
        return min(abs(model.parameters + more - stated) for more in _uncounted(model, sizes))

    best = min(models, key=off)
    if config is None and sizes.kv_heads < sizes.heads and off(best) > _FAR * stated:
        others = [model for width in (64, 128) for model in _candidates(sizes, config, width)]
        best = min([best, *others], key=off)
    # A model that states 175 billion does not tell apart what differs by less than half of the last digit.
    digit = 10.0 ** int(Decimal(row["params_B"]).as_tuple().exponent) * 1e9
    return next((model for model in models if off(model) <= digit / 2), best)


def _uncounted(model: Architecture, sizes: Sizes) -> tuple[int, ...]:
    """What the stated parameters of a plain GPT may hold beside these parts: a table of learned positions."""
    plain = isinstance(model.blocks[0].feed_forward, FeedForward)
    return (0, sizes.length * sizes.hidden) if plain else (0,)


def _sizes(row: Row) -> Sizes:
    hidden, vocab = _whole(row, "hidden"), _whole(row, "vocab") if row["vocab"] else USUAL_VOCAB
    layers = _layers_by_stages(row, hidden, vocab) or _whole(row, "layers")
    heads = _heads_by_source(row) or _whole(row, "heads")
    return Sizes(
        layers=layers, hidden=hidden, heads=heads, kv_heads=_whole(row, "kv_heads") if row["kv_heads"] else heads,
        ffn=_whole(row, "ffn") if row["ffn"] else 4 * hidden, vocab=vocab, length=_whole(row, "seq"),
    )  # fmt: skip


def _whole(row: Row, name: str) -> int:
    if not row[name]:
        raise ValueError(f"no {name}")
    return int(float(row[name]))


def _layers_by_stages(row: Row, hidden: int, vocab: int) -> int | None:
    """For rows that say layers were chosen so that stages come out even: the multiple of stages nearest to the parameters
    that they state, 12 h^2 a layer and V h. bigscience's chronicles-prequel, `Choosing the fastest 3D Topology`."""
    if row["layers"] or not row["params_B"] or not re.search(r"NLAYERS tweaked to fit PP", row["notes"]):
        return None
    stages = int(float(row["pp"] or 1))
    layers = (float(row["params_B"]) * 1e9 - vocab * hidden) / (12 * hidden**2)
    return max(1, round(layers / stages)) * stages


def _heads_by_source(row: Row) -> int | None:
    """The tables of 02-20 in bigscience's chronicles-prequel vary layers or width of the 200B model of 02-17, which is
    defined there with 96 heads, and say no other number."""
    if row["heads"] or not ("BLOOM" in row["paper"] and re.search(r"\b02-20\b", row["notes"])):
        return None
    return 96


def _candidates(sizes: Sizes, config: Config | None, head_dim: int) -> Iterator[Architecture]:
    """The likeliest first: GPT's plain feed-forward with a tied embedding; grouped queries come with gated units."""
    gated = (True,) if config else (True, False) if sizes.kv_heads < sizes.heads else (False, True)
    for kind in gated:
        for tied in (not kind, kind):
            yield _build(sizes, config, head_dim=head_dim, gated=kind, tied=tied)


def _build(sizes: Sizes, config: Config | None, *, head_dim: int, gated: bool, tied: bool) -> Architecture:
    hidden = sizes.hidden
    norm: Norm = RMSNorm(hidden=hidden, eps=1e-5) if gated else LayerNorm(hidden=hidden, eps=1e-5)
    return Architecture(
        embedding=Embedding(vocab=sizes.vocab, hidden=hidden), final_norm=norm,
        blocks=_mixed(sizes, config, norm, head_dim) if config else (_dense(sizes, norm, head_dim, gated=gated),) * sizes.layers,
        head=Head(vocab=sizes.vocab, hidden=hidden, tied=tied), max_positions=sizes.length, initial_std=0.02, huggingface=_UNNAMED,
    )  # fmt: skip


def _dense(sizes: Sizes, norm: Norm, head_dim: int, *, gated: bool) -> Block:
    part: FeedForwardPart = FeedForward(hidden=sizes.hidden, size=sizes.ffn, activation="gelu", bias=True)
    if gated:
        part = GatedFeedForward(hidden=sizes.hidden, size=sizes.ffn, activation="silu")
    return Block(attention=_attention(sizes, head_dim, biased=not gated), feed_forward=part, norm=norm)


def _mixed(sizes: Sizes, config: Config, norm: Norm, head_dim: int) -> tuple[Block, ...]:
    """Dense layers, then mixtures, each second one with a window where there is one."""
    latent = config.latent
    width = latent.plain + latent.turned if latent else head_dim
    whole = _attention(sizes, width, biased=config.biased, config=config)
    near = _attention(sizes, width, biased=config.biased, config=config, window=config.window)
    router = Router(hidden=sizes.hidden, experts=config.experts, per_token=config.per_token)
    expert = GatedFeedForward(hidden=sizes.hidden, size=sizes.ffn, activation="silu")
    mixture = MixtureOfExperts(router=router, expert=expert, shared=config.shared * sizes.ffn or None)
    pair = [Block(attention=attention, feed_forward=mixture, norm=norm) for attention in (near, whole)]
    dense = GatedFeedForward(hidden=sizes.hidden, size=config.dense or sizes.ffn, activation="silu")
    first = Block(attention=whole, feed_forward=dense, norm=norm)
    if config.window is None:
        pair = [pair[1], pair[1]]
    return tuple(first if layer < config.first_dense else pair[layer % 2] for layer in range(sizes.layers))


def _attention(
    sizes: Sizes, head_dim: int, *, biased: bool, config: Config | None = None, window: int | None = None
) -> Attention:
    latent = config.latent if config else None
    turned = latent.turned if latent else head_dim
    return Attention(
        hidden=sizes.hidden, heads=sizes.heads, kv_heads=sizes.kv_heads, head_dim=head_dim, bias=biased, causal=True,
        position=Rotary(theta=1e4, head_dim=turned, dims=turned), window=window, latent=latent,
    )  # fmt: skip


_UNNAMED = HuggingFace(model_class="", config_class="", names=LLAMA_LIKE)
