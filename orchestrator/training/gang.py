"""What the ranks must agree on apart from gradients: stop now, that write failed, which checkpoint.

One rank that leaves the loop alone hangs all the others in their next collective until a time-out that
names no culprit. So whatever a single rank learns (a stop request, a full disk, a damaged file) is
exchanged here, over a gloo group of its own, and all ranks act on it at the same step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist

T = TypeVar("T")


class Gang:
    """This process among its peers. Works alone, without torch.distributed, too."""

    def __init__(self) -> None:
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        self.world_size = dist.get_world_size() if dist.is_initialized() else 1
        self._group = dist.new_group(backend="gloo") if self.world_size > 1 else None

    @property
    def leads(self) -> bool:
        """Whether this is rank 0, which writes what is written once."""
        return self.rank == 0

    def sum(self, values: Sequence[int]) -> list[int]:
        """Element-wise sums over ranks of 64-bit integers (a flag counts the ranks that raise it)."""
        if self._group is None:
            return [int(value) for value in values]
        totals = torch.tensor([int(value) for value in values], dtype=torch.int64)
        dist.all_reduce(totals, group=self._group)
        return totals.tolist()

    def gather(self, value: T) -> list[T]:
        """Every rank's value, on every rank, in rank order."""
        if self._group is None:
            return [value]
        values: list[Any] = [None] * self.world_size
        dist.all_gather_object(values, value, group=self._group)
        return values

    def to_leader(self, value: T) -> list[T]:
        """Every rank's value on rank 0, in rank order; elsewhere nothing."""
        if self._group is None:
            return [value]
        values: list[Any] = [None] * self.world_size if self.leads else []
        dist.gather_object(value, values if self.leads else None, dst=0, group=self._group)
        return values

    def from_leader(self, value: T) -> T:
        """Rank 0's value, on every rank."""
        if self._group is None:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, group=self._group)
        return box[0]
