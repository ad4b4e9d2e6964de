"""Why a gang cannot be placed, said in numbers.

Ray keeps a placement group pending for ever and does not say what is missing (ray-project/ray#18835).
The bundles of our gangs are all alike, so the answer is arithmetic: each node has room for as many
workers as its scarcest resource allows, in whole groups where workers must share a node.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from orchestrator.launch.inventory import Inventory, Node
from orchestrator.units import format_bytes


@dataclass(frozen=True, kw_only=True)
class Request:
    """A gang: `workers` processes that start together, each holding `each` (Ray's resource names).

    Every `together` consecutive ranks must share a node: they talk in every layer (see `assign.block_of`).
    """

    workers: int
    each: Mapping[str, float]
    together: int = 1


class Verdict(Enum):
    FITS = "fits now"
    BUSY = "fits once others have finished"
    IMPOSSIBLE = "does not fit this cluster"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The verdict and its reason, ready to print (empty when the gang fits)."""

    verdict: Verdict
    reason: str = ""


def can_place(request: Request, inventory: Inventory) -> Answer:
    """Judge `request` against what every node has in total and has free now."""
    usable = [node for node in inventory.nodes if not node.draining]
    if sum(room(node.free, request) for node in usable) >= request.workers:
        return Answer(verdict=Verdict.FITS)
    capacity = sum(room(node.total, request) for node in usable)
    if capacity >= request.workers:
        return Answer(verdict=Verdict.BUSY, reason=_explain(request, inventory, capacity, busy=True))
    return Answer(verdict=Verdict.IMPOSSIBLE, reason=_explain(request, inventory, capacity, busy=False))


def room(resources: Mapping[str, float], request: Request) -> int:
    """How many workers fit beside each other in whole groups; Ray counts in 1/10000ths, hence the rounding."""
    rooms = [math.floor(round(resources.get(name, 0.0) / need, 4)) for name, need in request.each.items() if need > 0]
    return min(rooms, default=0) // request.together * request.together


def _explain(request: Request, inventory: Inventory, capacity: int, *, busy: bool) -> str:
    free = sum(room(node.free, request) for node in inventory.nodes if not node.draining)
    found = free if busy else capacity
    sums = {name: need * request.workers for name, need in request.each.items()}
    groups = f", every {request.together} consecutive ranks on one node" if request.together > 1 else ""
    head = "waits for" if busy else "cannot be placed on"
    lines = [
        f"a gang of {_workers(request.workers)} {head} this cluster",
        f"  asked    {_workers(request.workers)}, each {_amounts(request.each)} (together {_amounts(sums)}){groups}",
    ]
    for index, node in enumerate(inventory.nodes):
        label = "exists " if index == 0 else "       "
        lines.append(f"  {label}  {_node_line(node, request)}")
    if not inventory.nodes:
        lines.append("  exists   no node at all")
    lines.append(f"  missing  room for {_workers(request.workers - found)}{_shortfall(request, inventory, busy=busy)}")
    lines.append(f"  fix      {_fix(request, capacity, busy=busy)}")
    return "\n".join(lines)


def _node_line(node: Node, request: Request) -> str:
    amounts = ", ".join(
        f"{name} {_amount(name, node.free.get(name, 0.0))} of {_amount(name, node.total.get(name, 0.0))} free"
        for name in request.each
    )
    if node.draining:
        return f"node {node.name}: {amounts} -> being drained, takes no worker"
    now, ever = room(node.free, request), room(node.total, request)
    holds = f"room for {now}" if now == ever else f"room for {now} now, {ever} when free"
    return f"node {node.name}: {amounts} -> {holds}"


def _shortfall(request: Request, inventory: Inventory, *, busy: bool) -> str:
    """Which resource is short in sum; nothing where the sum suffices but lies scattered."""
    usable = [node.free if busy else node.total for node in inventory.nodes if not node.draining]
    short = {
        name: lack
        for name, need in request.each.items()
        if (lack := need * request.workers - sum(have.get(name, 0.0) for have in usable)) > 0
    }
    if short:
        return f" ({_amounts(short)})"
    if not usable:
        return ""
    unit = "one worker's share" if request.together == 1 else f"a group of {request.together} workers"
    return f" (enough in sum, but scattered: {unit} must lie on one node)"


def _fix(request: Request, capacity: int, *, busy: bool) -> str:
    if busy:
        return "wait, or stop a job that holds the rest (make jobs, make stop JOB=…)"
    if request.together > 1:
        return _fix_of_groups(request, capacity)
    if capacity == 0:
        return f"no node holds even one worker: ask for less than {_amounts(request.each)} each, or add such a node"
    return (
        f"at most {_workers(capacity)} fit: parallelism.data: {capacity} (with tensor and pipeline 1), "
        f"or add room for {request.workers - capacity} more"
    )


def _fix_of_groups(request: Request, capacity: int) -> str:
    groups = f"groups of {request.together}"
    if capacity == 0:
        return f"no node holds {request.together} workers: lower parallelism.tensor (or expert) to what one holds, or add such a node"
    return (
        f"at most {_workers(capacity)} fit in {groups}: lower parallelism.data or pipeline, take a parallelism.tensor"
        f" (or expert) that divides the devices of a node, or add room for {request.workers - capacity} more"
    )


def _workers(count: int) -> str:
    return f"{count} worker" if count == 1 else f"{count} workers"


def _amounts(resources: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {_amount(name, value)}" for name, value in resources.items())


def _amount(name: str, value: float) -> str:
    return format_bytes(int(value)) if name == "memory" else f"{value:g}"
