"""Collectives among 2, 4 ... ranks, inside a node and between nodes, from a few bytes to what gradients weigh."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import distributed

from orchestrator.probes.clock import typical, wait
from orchestrator.probes.findings import Exchanged
from orchestrator.probes.ranks import Ranks, between, group_of, inside

BYTES = {"cpu": (64, 2**18, 2**20, 2**23), "cuda": (2**12, 2**20, 2**24, 2**28)}
TIMES = {"cpu": 15, "cuda": 25}
KINDS = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send")


def exchanges(ranks: Ranks, *, cores: int | None = None, sizes: Sequence[int] | None = None) -> list[Exchanged]:
    """Of all kinds. Collective; `cores`: of a node, which workers on the CPU share."""
    if ranks.size == 1:
        return []
    found: list[Exchanged] = []
    for near, crowd, groups in _layouts(ranks, cores):
        made = [distributed.new_group(list(members)) for members in groups]
        mine = group_of(ranks.rank, groups)
        ranks.barrier()
        if mine is not None:
            found += _in_group(ranks, groups[mine], made[mine], near, crowd, sizes or BYTES[ranks.device.type])
        ranks.barrier()
    return found


def _layouts(ranks: Ranks, cores: int | None) -> list[tuple[bool, float, list[list[int]]]]:
    """(inside a node, workers to a core, groups at work at once). Workers beyond the cores sleep but in the last layout."""
    crowd = max(1.0, max(len(each) for each in ranks.together) / cores) if cores else 1.0
    layouts = [(True, 1.0, groups) for groups in inside(ranks, cores)] + [(False, 1.0, groups) for groups in between(ranks, cores)]
    return layouts + ([(True, crowd, ranks.together)] if crowd > 1 else [])


def _in_group(ranks: Ranks, members: Sequence[int], group: Any, near: bool, crowd: float, sizes: Sequence[int]) -> list[Exchanged]:
    found = []
    for moved in sizes:
        for kind in KINDS:
            act = _act(kind, moved, members, group, ranks)
            seconds = ranks.slowest(_seconds(act, group, ranks.device), group)
            found.append(Exchanged(kind=kind, ranks=2 if kind == "send" else len(members), moved=moved, seconds=seconds, near=near, crowd=crowd))
    return found


def _seconds(act: Callable[[], object], group: Any, device: torch.device) -> float:
    """Without a barrier between turns: in a step, exchanges follow one another as their ranks arrive."""
    for _ in range(2):
        act()
    distributed.barrier(group=group, device_ids=[device.index or 0] if device.type == "cuda" else None)
    seconds = []
    for _ in range(TIMES[device.type]):
        wait(device)
        began = time.perf_counter()
        act()
        wait(device)
        seconds.append(time.perf_counter() - began)
    return typical(seconds)


def _act(kind: str, moved: int, members: Sequence[int], group: Any, ranks: Ranks) -> Callable[[], object]:
    """One exchange of `moved` bytes: the whole buffer, of which a rank holds a part where it is shared out."""
    size = len(members)
    share = max(1, moved // 4 // size)
    whole, part = torch.ones(share * size, device=ranks.device), torch.ones(share, device=ranks.device)
    acts: dict[str, Callable[[], object]] = {
        "all_reduce": lambda: distributed.all_reduce(whole, group=group),
        "all_gather": lambda: distributed.all_gather_single(whole, part, group=group),
        "reduce_scatter": lambda: distributed.reduce_scatter_single(part, whole, group=group),
        "all_to_all": lambda: distributed.all_to_all_single(torch.empty_like(whole), whole, group=group),
        "send": lambda: _send(whole, members, group, ranks.rank),
    }
    return acts[kind]


def _send(whole: torch.Tensor, members: Sequence[int], group: Any, rank: int) -> None:
    """From the group's first rank to its second; the others have nothing to do."""
    if rank == members[0]:
        distributed.send(whole, members[1], group=group)
    elif rank == members[1]:
        distributed.recv(whole, members[0], group=group)
