"""What exists, as opposed to what a page says: the nodes of a Ray cluster and what they have free.

The planner works from a ClusterSpec; before a gang is started the plan is held against this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.launch.machine import Machine

# One accelerator of a node whose cluster page declares CPU "devices": a custom resource, so that a laptop
# can hold a cluster of any shape. Real GPUs are Ray's own resource "GPU".
DEVICE = "device"


@dataclass(frozen=True, kw_only=True)
class Node:
    """One node: Ray's resource names -> amounts (memory in bytes), in total and free at this moment.

    `id` is Ray's name for it, empty before there is a Ray.
    """

    name: str
    id: str = ""
    total: Mapping[str, float]
    free: Mapping[str, float]
    draining: bool = False


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """All living nodes, the head first, then by name."""

    nodes: tuple[Node, ...]


def of_resources(total: Mapping[str, float]) -> Inventory:
    """This machine as a cluster of one node that declares `total`, before any Ray is started on it."""
    return Inventory(nodes=(Node(name="this machine", total=total, free=total),))


def node_resources(machine: Machine, *, devices: int | None = None) -> dict[str, float]:
    """What a raylet on `machine` declares: its GPUs, or `devices` CPU devices (one per core by default)."""
    if machine.gpus and devices is None:
        return {"CPU": float(machine.cores), "GPU": float(len(machine.gpus))}
    count = devices if devices is not None else machine.cores
    return {"CPU": float(max(machine.cores, count)), DEVICE: float(count)}


def of_ray() -> Inventory:
    """The cluster this process is connected to."""
    import ray
    from ray._private.state import available_resources_per_node, state

    free = available_resources_per_node()
    draining = state.get_draining_nodes()
    nodes = [
        (
            "node:__internal_head__" not in entry["Resources"],
            entry["NodeManagerAddress"],
            Node(
                name=_name(entry),
                id=str(entry["NodeID"]),
                total=_public(entry["Resources"]),
                free=_public(free.get(entry["NodeID"], {})),
                draining=entry["NodeID"] in draining,
            ),
        )
        for entry in ray.nodes()
        if entry["Alive"]
    ]
    return Inventory(nodes=tuple(node for _, _, node in sorted(nodes, key=lambda item: (item[0], item[2].name))))


def is_pending(workers: int, each: Mapping[str, float]) -> bool:
    """Whether Ray holds a placement group of these bundles that has no place yet (once it has, its own
    workers are what makes the cluster look full)."""
    from ray.util import placement_group_table

    wanted = {name: float(amount) for name, amount in each.items()}
    return any(
        group["state"] in ("PENDING", "PREPARED", "RESCHEDULING")
        and len(group["bundles"]) == workers
        and all(dict(bundle) == wanted for bundle in group["bundles"].values())
        for group in placement_group_table().values()
    )


def _name(entry: Mapping[str, object]) -> str:
    """`name (address)`, the name being the one given at `ray start`, where it is not the address itself."""
    given, address = str(entry.get("NodeName", "")), str(entry["NodeManagerAddress"])
    return address if given in ("", address) else f"{given} ({address})"


def _public(resources: Mapping[str, float]) -> dict[str, float]:
    """Without Ray's own markers (`node:…`, accelerator types, the pieces of placement groups)."""
    return {
        name: float(amount)
        for name, amount in resources.items()
        if not name.startswith(("node:", "accelerator_type:", "bundle_group")) and "_group_" not in name
    }
