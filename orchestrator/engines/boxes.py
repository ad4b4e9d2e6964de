"""One vocabulary for the pieces of a sharded training state.

A model trained with ZeRO lives in flat buffers cut at arbitrary element counts; tensor parallelism
cuts rows or columns; the reference engine holds whole tensors. A checkpoint that should load into any
of them can know none of these. So every engine describes its memory as boxes: rectangular blocks of
named global tensors, each a live view of local memory. A writer saves the owned boxes; a reader fills
boxes from whatever blocks were saved, by intersecting rectangles.

A flat range of a row-major tensor is not a rectangle, but it is a few of them:

    shape (4, 5), range [3, 17)       . . . A A      A: head of a row       offsets (0, 3) shape (1, 2)
                                      B B B B B      B: whole rows          offsets (1, 0) shape (2, 5)
                                      B B B B B      C: head of the last    offsets (3, 0) shape (1, 2)
                                      C C . . .
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True, kw_only=True)
class Rectangle:
    """A block of a global tensor; both tuples have one entry per dimension."""

    offsets: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def numel(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class Box:
    """A block of the global tensor `key`, and the local memory that holds it.

    key: "weights/NAME", or "optimizer/SLOT/NAME" such as "optimizer/exp_avg/NAME"; NAME is the
        parameter's name in the Hugging Face module, the first one where weights are tied.
    tensor: a view of live memory, of the box's own shape; writing into it changes the state.
    owned: whether this rank is the one that saves the box. Over all ranks, the owned boxes of a key
        tile its global tensor exactly once.
    """

    key: str
    global_shape: tuple[int, ...]
    offsets: tuple[int, ...]
    tensor: torch.Tensor
    owned: bool = True


@dataclass(frozen=True, kw_only=True)
class ShardedState:
    """What one rank holds of the training state.

    A reader fills the tensors of `boxes` and the values of `scalars` in place, then hands the same
    object to `Engine.restore`.
    """

    boxes: list[Box]
    scalars: dict[str, int | float] = field(default_factory=dict)


def rectangles(shape: tuple[int, ...], start: int, stop: int) -> Iterator[Rectangle]:
    """The flat range [start, stop) of a row-major tensor as rectangles, in memory order.

    At most two per dimension. Each is contiguous in memory, so it can be a view.
    """
    if stop <= start:
        return
    if len(shape) <= 1:
        size = (stop - start,) if shape else ()
        yield Rectangle(offsets=(start,) if shape else (), shape=size)
        return
    inner = shape[1:]
    row = math.prod(inner)
    first, last = start // row, (stop - 1) // row
    if first == last and stop - start < row:
        yield from _within_row(inner, first, start - first * row, stop - first * row)
        return
    whole_first = first if start == first * row else first + 1
    whole_stop = last + 1 if stop == (last + 1) * row else last
    if whole_first > first:
        yield from _within_row(inner, first, start - first * row, row)
    if whole_stop > whole_first:
        zeros = (0,) * len(inner)
        yield Rectangle(offsets=(whole_first, *zeros), shape=(whole_stop - whole_first, *inner))
    if whole_stop <= last:
        yield from _within_row(inner, last, 0, stop - last * row)


def _within_row(inner: tuple[int, ...], row: int, start: int, stop: int) -> Iterator[Rectangle]:
    for part in rectangles(inner, start, stop):
        yield Rectangle(offsets=(row, *part.offsets), shape=(1, *part.shape))


def boxes_of_range(
    key: str, shape: tuple[int, ...], start: int, flat: torch.Tensor, *, owned: bool = True
) -> Iterator[Box]:
    """Boxes that view `flat` [n], which holds elements [start, start + n) of the tensor `key`."""
    used = 0
    for part in rectangles(shape, start, start + flat.numel()):
        view = flat[used : used + part.numel].view(part.shape)
        used += part.numel
        yield Box(key=key, global_shape=shape, offsets=part.offsets, tensor=view, owned=owned)
