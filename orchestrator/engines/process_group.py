"""The default process group that an engine trains over: the one that exists, or a group of one made for it."""

from __future__ import annotations

from torch import distributed

from orchestrator.engines.base import Device
from orchestrator.errors import RunError


def join_process_group(device: Device, world_size: int) -> bool:
    """Makes sure the default process group is that of `world_size` ranks; whether it was made here."""
    if not distributed.is_initialized():
        if world_size > 1:
            raise RunError(
                f"the plan has {world_size} ranks and this process belongs to no process group."
                f" Start it through Ray or with: torchrun --nproc-per-node {world_size}"
            )
        distributed.init_process_group(device.backend, store=distributed.HashStore(), rank=0, world_size=1)
        return True
    if distributed.get_world_size() != world_size:
        raise RunError(
            f"the plan has {world_size} ranks, the process group {distributed.get_world_size()}."
            " Make the plan for the world size that exists"
        )
    return False
