"""Core attention on PyTorch's fused kernels, with what Megatron-core's own refuses: ALiBi, documents, context.

Core's local attention builds the whole score matrix, asserts biases away and refuses context parallelism. This
one runs `scaled_dot_product_attention` (flash on CUDA) wherever the mask is only causal, and flex attention on
CUDA, where a bias or a document mask must be added; on a CPU, where flex attention would be compiled for minutes, the
mask is an explicit tensor.

Context parallelism exchanges, by one all-to-all each way, a part of the sequence for a part of the heads
(DeepSpeed-Ulysses, arXiv:2309.14509): attention itself then sees whole sequences, whatever the mask. Each rank
holds two chunks of the sequence, r and 2C-1-r of 2C, as everywhere in Megatron (`zigzag` in model.py).

    S this rank's part of the sequence   T the whole sequence   B batch   D head size
    Q query heads of this rank           K key heads of this rank
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import Any

import torch
from megatron.core.transformer.module import MegatronModule
from torch import Tensor, distributed
from torch.nn import functional

LEAST_HEAD_SIZE = 16
"""Of flex attention on CUDA, whose tiles are no smaller."""


class CoreAttention(MegatronModule):
    """softmax(q k / sqrt(d) + bias) v over earlier positions of the same document.

    slopes: ALiBi's slope of every head of the model; None for models with other positions.
    """

    def __init__(
        self, config: Any, layer_number: int, attn_mask_type: Any, attention_type: str, pg_collection: Any,
        cp_comm_type: str | None = None, softmax_scale: float | None = None, slopes: tuple[float, ...] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(config=config)
        self._scale = softmax_scale
        self._context = pg_collection.cp if pg_collection.cp.size() > 1 else None
        self._slopes = None if slopes is None else _of_rank(slopes, pg_collection)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None = None, *, attn_mask_type: Any = None,
        attention_bias: Any = None, packed_seq_params: Any = None,
    ) -> Tensor:  # fmt: skip
        """query [S, B, Q, D], key and value [S, B, K, D] -> [S, B, Q x D].

        attention_mask: the document of each position of the whole sequence, [B, T], or None for one document.
        """
        if self._context is not None:
            query = _to_heads(query, self._context)
            key, value = (_to_heads(_repeated(each, self._context.size()), self._context) for each in (key, value))
        query, key, value = (each.permute(1, 2, 0, 3) for each in (query, key, value))
        attended_BQTD = attend(query, key, value, slopes=self._slopes, documents=attention_mask, scale=self._scale)
        attended_TBQD = attended_BQTD.permute(2, 0, 1, 3)
        if self._context is not None:
            attended_TBQD = _to_sequence(attended_TBQD, self._context)
        return attended_TBQD.flatten(2).contiguous()


def attend(
    query: Tensor, key: Tensor, value: Tensor, *, slopes: tuple[float, ...] | None, documents: Tensor | None, scale: float | None
) -> Tensor:
    """Causal attention: query [B, Q, T, D], key and value [B, K, T, D], documents [B, T] -> [B, Q, T, D]."""
    grouped = key.shape[1] != query.shape[1]
    if slopes is None and documents is None:
        return functional.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scale, enable_gqa=grouped)
    if query.device.type == "cuda" and query.shape[-1] >= LEAST_HEAD_SIZE:
        return flex_attend(query, key, value, slopes=slopes, documents=documents, scale=scale)
    mask = _explicit_mask(query, slopes, documents)
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale, enable_gqa=grouped)


def flex_attend(
    query: Tensor, key: Tensor, value: Tensor, *, slopes: tuple[float, ...] | None, documents: Tensor | None,
    scale: float | None, compiled: bool = True,
) -> Tensor:  # fmt: skip
    """The same through flex attention, which skips blocks that are masked and stores no mask of T x T."""
    bias = None
    if slopes is not None:
        slopes_Q = _on(query.device, slopes)

        def bias(score: Tensor, b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
            return score + slopes_Q[h] * (k - q)

    blocks = _blocks(None if documents is None else _Held.of(documents), query.shape[2], query.device)
    kernel = _flex(compiled)
    return kernel(query, key, value, score_mod=bias, block_mask=blocks, scale=scale, enable_gqa=key.shape[1] != query.shape[1])


@dataclass(frozen=True)
class _Held:
    """A tensor by its memory, equal to every view of the same values. Held, so that no other tensor gets that memory."""

    address: int
    shape: tuple[int, ...]
    version: int
    tensor: Tensor = field(compare=False)

    @classmethod
    def of(cls, tensor: Tensor) -> _Held:
        return cls(tensor.data_ptr(), tuple(tensor.shape), tensor._version, tensor)


@functools.lru_cache(maxsize=4)
def _blocks(held: _Held | None, positions: int, device: torch.device) -> Any:
    """The blocks of the mask that hold anything: made once for all layers of a micro-batch, or of a run without documents."""
    from torch.nn.attention.flex_attention import create_block_mask

    documents = None if held is None else held.tensor

    def visible(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        earlier = q >= k
        return earlier if documents is None else earlier & (documents[b, q] == documents[b, k])

    return create_block_mask(visible, None if held is None else held.shape[0], None, positions, positions, device=str(device))


@functools.lru_cache(maxsize=64)
def _on(device: torch.device, slopes: tuple[float, ...]) -> Tensor:
    """Slopes on the device; copied once, for a copy waits for it."""
    return torch.tensor(slopes, device=device)


@functools.cache
def _flex(compiled: bool) -> Any:
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention, dynamic=False) if compiled else flex_attention


def _explicit_mask(query: Tensor, slopes: tuple[float, ...] | None, documents: Tensor | None) -> Tensor:
    """What is added to the scores, [B or 1, Q or 1, T, T]: minus infinity where nothing is seen, else ALiBi's bias."""
    positions = torch.arange(query.shape[2], device=query.device)
    distance_TT = positions[None, :] - positions[:, None]
    visible = (distance_TT <= 0)[None, None]
    if documents is not None:
        visible = visible & (documents[:, None, :, None] == documents[:, None, None, :])
    if slopes is None:
        return visible
    bias = torch.tensor(slopes, device=query.device)[None, :, None, None] * distance_TT
    return bias.masked_fill(~visible, float("-inf")).to(query.dtype)


def _of_rank(slopes: tuple[float, ...], groups: Any) -> tuple[float, ...]:
    """The slopes of the heads that this rank attends with: tensor ranks hold blocks of heads, context ranks cut these."""
    for group in (groups.tp, groups.cp):
        share = len(slopes) // group.size()
        slopes = slopes[group.rank() * share : (group.rank() + 1) * share]
    return slopes


def _repeated(keys: Tensor, ranks: int) -> Tensor:
    """Keys or values [S, B, K, D] with each head repeated until `ranks` context ranks can share the heads out."""
    times = math.lcm(keys.shape[2], ranks) // keys.shape[2]
    return keys if times == 1 else keys.repeat_interleave(times, dim=2)


class _AllToAll(torch.autograd.Function):
    """Sends part i of dim 0 to rank i. Its gradient goes back the same way."""

    @staticmethod
    def forward(ctx: Any, parts: Tensor, group: Any) -> Tensor:
        ctx.group = group
        parts = parts.contiguous()
        received = torch.empty_like(parts)
        distributed.all_to_all_single(received, parts, group=group)
        return received

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return _AllToAll.apply(gradients[0], ctx.group), None


def _to_heads(mine: Tensor, group: Any) -> Tensor:
    """[S, B, heads, D], a part of the sequence with all heads -> [T, B, heads / C, D], in the order of positions."""
    ranks = group.size()
    S, B, heads, D = mine.shape
    parts = mine.reshape(S, B, ranks, heads // ranks, D).permute(2, 0, 1, 3, 4)
    received = _AllToAll.apply(parts, group)  # [C, S, B, heads / C, D], by rank that held the positions
    halves = received.reshape(ranks, 2, S // 2, B, heads // ranks, D)
    early, late = halves[:, 0], halves[:, 1].flip(0)
    return torch.cat([early, late]).flatten(0, 1)


def _to_sequence(whole: Tensor, group: Any) -> Tensor:
    """[T, B, heads / C, D] -> [S, B, heads, D]: the way back of `_to_heads`."""
    ranks = group.size()
    T, B, heads, D = whole.shape
    chunks = whole.reshape(2 * ranks, T // (2 * ranks), B, heads, D)
    halves = torch.stack([chunks[:ranks], chunks[ranks:].flip(0)], dim=1)  # [C, 2, S / 2, B, heads / C, D]
    received = _AllToAll.apply(halves.flatten(1, 2), group)  # [C, S, B, heads / C, D], by rank that held the heads
    return received.permute(1, 2, 0, 3, 4).flatten(2, 3)
