"""This process among the workers of a gang, the nodes they are on, and the groups that exchanges are measured in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """`nodes`: of every rank, in rank order. One rank alone needs no process group."""

    rank: int
    nodes: tuple[str, ...]
    device: torch.device

    @property
    def size(self) -> int:
        return len(self.nodes)

    @property
    def together(self) -> list[list[int]]:
        """The ranks of each node."""
        names = list(dict.fromkeys(self.nodes))
        return [[rank for rank, node in enumerate(self.nodes) if node == name] for name in names]

    def barrier(self) -> None:
        """A collective on the device's own backend, so that no rank is waited for twice."""
        if self.size > 1:
            distributed.barrier(device_ids=[self.device.index or 0] if self.device.type == "cuda" else None)

    def slowest(self, seconds: float, group: Any = None) -> float:
        """The largest of the group's values: an exchange ends when its last rank has."""
        if self.size == 1:
            return seconds
        value = torch.tensor([seconds], dtype=torch.float64, device=self.device)
        distributed.all_reduce(value, op=distributed.ReduceOp.MAX, group=group)
        return float(value.item())

    def gathered(self, value: Any) -> list[Any]:
        """Every rank's value, on every rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        distributed.all_gather_object(values, value)
        return values


def ranks_here(node: str, device: torch.device) -> Ranks:
    """This process's ranks; collective where there is a process group."""
    if not distributed.is_initialized():
        return Ranks(rank=0, nodes=(node,), device=device)
    nodes: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(nodes, node)
    return Ranks(rank=distributed.get_rank(), nodes=tuple(nodes), device=device)


def powers(largest: int) -> list[int]:
    """2, 4, 8 ... below `largest`, and `largest` itself."""
    sizes = [2**power for power in range(1, 20) if 2**power < largest]
    return [*sizes, largest] if largest > 1 else []


def inside(ranks: Ranks, most: int | None = None) -> list[list[list[int]]]:
    """For 2, 4 ... of the first `most` ranks of a node: consecutive groups, on all nodes at once."""
    fewest = min([most or ranks.size, *(len(each) for each in ranks.together)])
    return [
        [each[first : first + size] for each in ranks.together for first in range(0, fewest - size + 1, size)]
        for size in powers(fewest)
    ]  # fmt: skip


def between(ranks: Ranks, most: int | None = None) -> list[list[list[int]]]:
    """For 2, 4 ... nodes: one rank of each, every local rank in a group of its own, all at once: they share the network."""
    fewest, nodes = min([most or ranks.size, *(len(each) for each in ranks.together)]), ranks.together
    return [
        [[each[local] for each in nodes[first : first + size]] for local in range(fewest) for first in range(0, len(nodes) - size + 1, size)]
        for size in powers(len(nodes))
    ]  # fmt: skip


def group_of(rank: int, groups: Sequence[Sequence[int]]) -> int | None:
    """Which of the groups a rank is in."""
    return next((index for index, group in enumerate(groups) if rank in group), None)
