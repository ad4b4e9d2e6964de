"""Megatron's parameters <-> the canonical tensors of checkpoints: which rectangle of which tensor each one holds.

Megatron stacks query, key and value head group by head group, stacks gate on up, cuts columns or rows over
tensor ranks and pads the vocabulary. Each of these is a few rectangles: rows of the local parameter that are rows (or
columns) of a canonical tensor. With them a parameter, or any part of it that an optimizer holds, is
described by boxes like everything else that is saved.

    linear_qkv of one rank, 2 query groups of 2 heads:   q q k v | q q k v      (each letter head_dim rows)
    LLaMA's tensors:                                     q_proj: q q q q   k_proj: k k   v_proj: v v
    BLOOM's and NeoX's fused tensor (1 head per group):  q k v | q k v          as it is
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.architecture.parts import Attention, GatedFeedForward, MixtureOfExperts

if TYPE_CHECKING:
    from orchestrator.architecture.stack import Architecture
    from orchestrator.planning.layout import Layout
    from orchestrator.planning.mesh import Coordinates

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A rectangle of a local parameter and the rectangle of the canonical tensor `name` that it is.

    Both have `shape`; offsets say where it begins in each.
    """

    name: str
    global_shape: Shape
    global_offsets: Shape
    local_offsets: Shape
    shape: Shape


@dataclass(frozen=True, kw_only=True)
class Rank:
    """Where a rank stands, as far as it decides what its parameters hold."""

    tensor: int
    tensors: int
    expert: int
    experts: int
    expert_tensor: int
    expert_tensors: int

    @classmethod
    def of(cls, layout: Layout, place: Coordinates) -> Rank:
        return cls(
            tensor=place.tensor, tensors=layout.tensor, expert=place.expert, experts=layout.expert,
            expert_tensor=place.expert_tensor, expert_tensors=layout.expert_tensor,
        )  # fmt: skip


def pieces(architecture: Architecture, rank: Rank, name: str, first_layer: int) -> tuple[Piece, ...]:
    """The pieces of the parameter `name` of a Decoder whose layers begin at block `first_layer`.

    Padding has none. Raises KeyError for a parameter that no row knows.
    """
    names = architecture.huggingface.names
    module, _, kind = name.rpartition(".")
    if module.startswith("decoder.layers."):
        number, _, place = module.removeprefix("decoder.layers.").partition(".")
        layer = first_layer + int(number)
        return tuple(_of_layer(architecture, rank, layer, place, kind))
    if module in ("embedding.word_embeddings", "output_layer"):
        tied = architecture.head.tied or module != "output_layer"
        canonical = names.embedding if tied else names.head
        return tuple(_vocabulary(f"{canonical}.weight", architecture, rank))
    stems = {"embedding_norm": names.embedding_norm, "decoder.final_layernorm": names.final_norm}
    return (_whole(f"{stems[module]}.{kind}", (architecture.hidden,)),)


def _of_layer(architecture: Architecture, rank: Rank, layer: int, place: str, kind: str) -> Iterator[Piece]:
    block, names = architecture.blocks[layer], architecture.huggingface.names
    hidden = architecture.hidden

    def canonical(stem: str) -> str:
        return f"{stem.format(layer=layer)}.{kind}"

    feed_forward = block.feed_forward
    if place == "input_layernorm":
        yield _whole(canonical(names.attention_norm), (hidden,))
    elif place == "pre_mlp_layernorm":
        yield _whole(canonical(names.feed_forward_norm), (hidden,))
    elif place == "self_attention.linear_qkv":
        yield from _qkv(block.attention, rank, [canonical(stem) for stem in names.qkv], () if kind == "bias" else (hidden,))
    elif place == "self_attention.linear_proj":
        yield _columns_or_bias(canonical(names.attention_output), hidden, block.attention.heads * block.attention.head_dim, rank, kind)
    elif place == "mlp.router" and kind == "weight" and isinstance(feed_forward, MixtureOfExperts):
        yield _whole(canonical(names.router), (feed_forward.router.experts, hidden))
    elif place == "mlp.experts" and isinstance(feed_forward, MixtureOfExperts):
        stem = {"up": names.experts_up, "down": names.experts_down}[kind]
        yield from _experts(feed_forward, rank, stem.format(layer=layer), kind)
    elif place == "mlp.linear_fc1" and not isinstance(feed_forward, MixtureOfExperts):
        part = feed_forward.size // rank.tensors
        tail = () if kind == "bias" else (hidden,)
        for index, stem in enumerate(names.up[: 2 if isinstance(feed_forward, GatedFeedForward) else 1]):
            yield _rows(canonical(stem), feed_forward.size, tail, rank.tensor * part, index * part, part)
    elif place == "mlp.linear_fc2" and not isinstance(feed_forward, MixtureOfExperts):
        yield _columns_or_bias(canonical(names.down), hidden, feed_forward.size, rank, kind)
    else:
        raise KeyError(f"decoder.layers.{layer}.{place}.{kind}")


def _qkv(attention: Attention, rank: Rank, canonical: list[str], tail: Shape) -> Iterator[Piece]:
    """Group by group: its query heads, its key head, its value head."""
    width = attention.head_dim
    per_group = attention.heads // attention.kv_heads
    groups = attention.kv_heads // rank.tensors
    first = rank.tensor * groups
    stride = (per_group + 2) * width
    if len(canonical) == 1:
        yield _rows(canonical[0], attention.kv_heads * stride, tail, first * stride, 0, groups * stride)
        return
    sizes = (per_group * width, width, width)
    for group in range(groups):
        local = group * stride
        for name, size in zip(canonical, sizes, strict=True):
            yield _rows(name, attention.kv_heads * size, tail, (first + group) * size, local, size)
            local += size


def _experts(part: MixtureOfExperts, rank: Rank, canonical: str, kind: str) -> Iterator[Piece]:
    """Stacked experts: `up` [E, 2F, H] has gate rows, then up rows, of this rank's part; `down` [E, H, F] has its columns."""
    hidden, size, count = part.expert.hidden, part.expert.size, part.router.experts
    mine, width = count // rank.experts, size // rank.expert_tensors
    first, start = rank.expert * mine, rank.expert_tensor * width
    if kind == "down":
        yield Piece(
            name=canonical, global_shape=(count, hidden, size), global_offsets=(first, 0, start),
            local_offsets=(0, 0, 0), shape=(mine, hidden, width),
        )  # fmt: skip
        return
    for index in range(2):
        yield Piece(
            name=canonical, global_shape=(count, 2 * size, hidden), global_offsets=(first, index * size + start, 0),
            local_offsets=(0, index * width, 0), shape=(mine, width, hidden),
        )  # fmt: skip


def _vocabulary(canonical: str, architecture: Architecture, rank: Rank) -> Iterator[Piece]:
    rows = architecture.embedding.vocab
    part = -(-rows // rank.tensors)
    start = rank.tensor * part
    size = min(part, rows - start)
    if size > 0:
        yield _rows(canonical, rows, (architecture.hidden,), start, 0, size)


def _rows(canonical: str, rows: int, tail: Shape, start: int, local: int, size: int) -> Piece:
    zeros = (0,) * len(tail)
    return Piece(
        name=canonical, global_shape=(rows, *tail), global_offsets=(start, *zeros),
        local_offsets=(local, *zeros), shape=(size, *tail),
    )  # fmt: skip


def _columns_or_bias(canonical: str, rows: int, columns: int, rank: Rank, kind: str) -> Piece:
    """A matrix cut over its inputs; its bias is whole on every rank."""
    if kind == "bias":
        return _whole(canonical, (rows,))
    part = columns // rank.tensors
    return Piece(
        name=canonical, global_shape=(rows, columns), global_offsets=(0, rank.tensor * part),
        local_offsets=(0, 0), shape=(rows, part),
    )  # fmt: skip


def _whole(canonical: str, shape: Shape) -> Piece:
    zeros = (0,) * len(shape)
    return Piece(name=canonical, global_shape=shape, global_offsets=zeros, local_offsets=zeros, shape=shape)
