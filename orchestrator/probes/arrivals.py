"""Collectives between pieces of computing, on CPU cores: what a rank waits until the others have come.

Ranks that do nothing but exchange are always there. In a step they come from work that took each a little longer or
shorter, and where workers outnumber the cores, one may not have a core just then. Measured is a loop of a product and a
small all-reduce, less the same loop without it; the bytes are nothing, the rest is waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import distributed

from orchestrator.probes.findings import Exchanged
from orchestrator.probes.ranks import Ranks, group_of

TURNS, WINDOWS = 10, 12
SIZE = 448
"""Rows and columns of the product: some milliseconds of one core, as between two collectives of a layer."""
MOVED = 2**14
KIND = "arrival"


def arrivals(ranks: Ranks, cores: int | None) -> list[Exchanged]:
    """Of two ranks on cores of their own, and of all of a node's where they share cores. Collective; nothing on CUDA."""
    if ranks.device.type != "cpu" or ranks.size == 1:
        return []
    most = max(len(each) for each in ranks.together)
    awake = min(cores or most, most)
    layouts = [(1.0, [node[:awake] for node in ranks.together])] if awake > 1 else []
    if cores and most > cores:
        layouts += [(most / cores, [node[first : first + size] for node in ranks.together for first in range(0, len(node), size)]) for size in (2, most)]
    found = []
    for crowd, groups in layouts:
        made = [distributed.new_group(list(members)) for members in groups]
        mine = group_of(ranks.rank, groups)
        ranks.barrier()
        if mine is not None and len(groups[mine]) > 1:
            seconds = _waited(groups[mine], made[mine], ranks)
            found.append(Exchanged(kind=KIND, ranks=len(groups[mine]), moved=MOVED, seconds=seconds, crowd=crowd))
        ranks.barrier()
    return found


def _waited(members: Sequence[int], group: Any, ranks: Ranks) -> float:
    left, right = torch.randn(SIZE, SIZE), torch.randn(SIZE, SIZE)
    buffer = torch.ones(MOVED // 4)

    def alone() -> None:
        torch.mm(left, right)

    def together() -> None:
        torch.mm(left, right)
        distributed.all_reduce(buffer, group=group)

    both = [(_window(alone, group), _window(together, group)) for _ in range(WINDOWS)]
    without, having = (ranks.slowest(min(each), group) for each in zip(*both, strict=True))
    return max(0.0, having - without) / TURNS


def _window(act: Callable[[], None], group: Any) -> float:
    """A window's mean, since it is the waits between turns that count; of windows, the one that nothing else disturbed."""
    distributed.barrier(group=group)
    began = time.perf_counter()
    for _ in range(TURNS):
        act()
    return time.perf_counter() - began
