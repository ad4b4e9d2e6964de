"""Where Megatron's optimizers keep fp32 weights and moments, as boxes of canonical tensors.

Three optimizers, one list of `Shard`: elements [start, stop) of a model parameter live in the tensor `master`, which
the torch optimizer inside updates, its moments parallel to it.

    FP32Optimizer                     the parameters themselves
    Float16OptimizerWithFloat16Params fp32 copies of bf16 parameters
    DistributedOptimizer              this rank's flat range of each parameter; in fp32 a view of it

Written against Megatron-core 0.16, which has accessors for values only, not for live memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from megatron.core.optimizer.distrib_optimizer import DistributedOptimizer
from megatron.core.optimizer.optimizer import Float16OptimizerWithFloat16Params

from orchestrator.engines.boxes import Box, rectangles
from orchestrator.engines.megatron.names import Piece
from orchestrator.engines.optimizers import slots


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Elements [start, start + master.numel()) of `parameter`, in `master`; `optimizer` is torch's."""

    parameter: torch.Tensor
    master: torch.Tensor
    start: int
    optimizer: torch.optim.Optimizer


def inner_optimizers(chained: Any) -> list[Any]:
    """Core's optimizers that hold something on this rank: one for dense parameters, one for experts."""
    return [each for each in chained.chained_optimizers if each.optimizer is not None]


def shards(chained: Any) -> Iterator[Shard]:
    """All that this rank's optimizers hold."""
    for each in inner_optimizers(chained):
        for parameter, master, start in _pairs(each):
            yield Shard(parameter=parameter, master=master, start=start, optimizer=each.optimizer)


def _pairs(held: Any) -> Iterator[tuple[torch.Tensor, torch.Tensor, int]]:
    if isinstance(held, DistributedOptimizer):
        for models, masters in (
            (held.model_float16_groups, held.shard_fp32_from_float16_groups),
            (held.model_fp32_groups, held.shard_fp32_groups),
        ):
            for parameter, master in _zipped(models, masters):
                yield parameter, master, held._get_model_param_range_map(parameter)["param"].start
    elif isinstance(held, Float16OptimizerWithFloat16Params):
        for parameter, master in _zipped(held.float16_groups, held.fp32_from_float16_groups):
            yield parameter, master, 0
        for parameter in (parameter for group in held.fp32_from_fp32_groups for parameter in group):
            yield parameter, parameter, 0
    else:
        for parameter in held.get_parameters():
            yield parameter, parameter, 0


def _zipped(lefts: Sequence[Any], rights: Sequence[Any]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    for left, right in zip(lefts, rights, strict=True):
        yield from zip(left, right, strict=True)


def boxes(shard: Shard, pieces: Sequence[Piece], *, owned: bool) -> Iterator[Box]:
    """The boxes of a shard's fp32 weights and of every optimizer slot parallel to them."""
    tensors = {"weights": shard.master}
    tensors |= {f"optimizer/{slot}": tensor for slot, tensor in slots(shard.optimizer, shard.master).items()}
    shape = tuple(shard.parameter.shape)
    count = shard.master.numel()
    for kind, tensor in tensors.items():
        flat, used = tensor.detach().view(-1), 0
        for part in rectangles(shape, shard.start, shard.start + count):
            view = flat[used : used + part.numel].view(part.shape)
            used += part.numel
            for piece in pieces:
                box = _overlap(kind, piece, part.offsets, view, owned)
                if box is not None:
                    yield box


def _overlap(kind: str, piece: Piece, offsets: tuple[int, ...], view: torch.Tensor, owned: bool) -> Box | None:
    """The box of the elements of `view`, which lies at `offsets` of the local parameter, that belong to a piece."""
    slices, places = [], []
    for begin, size, mine, length, target in zip(
        offsets, view.shape, piece.local_offsets, piece.shape, piece.global_offsets, strict=True
    ):
        start, stop = max(begin, mine), min(begin + size, mine + length)
        if start >= stop:
            return None
        slices.append(slice(start - begin, stop - begin))
        places.append(target + start - mine)
    return Box(
        key=f"{kind}/{piece.name}", global_shape=piece.global_shape, offsets=tuple(places), tensor=view[tuple(slices)],
        owned=owned,
    )  # fmt: skip
