"""Whether a rank's memory fits its device, and what it offloads its host: one definition, wherever a plan asks.

A device named for 80 GB shows 81,920 MiB and lets a program have 79.2 GiB of it: driver and firmware keep a hundredth.
Slack is not all needed either: an allocator that is refused gives its unused blocks back and asks again, so that runs
were seen at the edge of a device that kept going. What lies between blocks in use stays lost. What is cached of another moment
of the step is all given back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from orchestrator.planning.hardware import Hardware
from orchestrator.planning.memory.parts import Memory

USABLE = 0.99
"""Of a device's nominal memory: 79.25 of 80 GiB on an A100, 31.7 of 32 on a V100, 15.8 of 16, 39.6 of 40, 139.8 of 141."""
GIVEN_BACK = 0.5
"""Of the slack, what the allocator can give back when it is short."""


def capacity(hardware: Hardware) -> int:
    """Bytes that one rank can have."""
    device = hardware.device
    return int(device.memory * (USABLE if device.kind == "cuda" else 1))


def needed(memory: Memory) -> int:
    """Bytes below which the rank runs out of memory."""
    return memory.total - memory.cached - int(memory.slack * GIVEN_BACK)


def host_bytes(memory: Memory | Sequence[Memory], ranks: int) -> int:
    """Bytes of a node's own memory that `ranks` of its ranks fill with what is offloaded, all of the stage that needs most."""
    return ranks * max(stage.host for stage in _stages(memory))


def short_of(
    memory: Memory | Sequence[Memory], hardware: Hardware, *, ranks: int | None = None, share: float = 1.0
) -> Literal["device", "host"] | None:
    """Which memory does not suffice; None: both do. A page that says no `host_memory` is taken to have enough of it.

    ranks: of one node, all of its devices if not said. share: of a device's memory; where less than all is asked for, slack
    counts whole, so that an allocator need give nothing back.
    """
    limit = share * capacity(hardware)
    if any((stage.total if share < 1 else needed(stage)) > limit for stage in _stages(memory)):
        return "device"
    filled = host_bytes(memory, hardware.per_node if ranks is None else ranks)
    return "host" if hardware.host_memory and filled > hardware.host_memory else None


def fits(memory: Memory | Sequence[Memory], hardware: Hardware, *, ranks: int | None = None, share: float = 1.0) -> bool:
    """Whether a rank of every given stage has room on its device, and a node's `ranks` in its memory (`short_of`)."""
    return short_of(memory, hardware, ranks=ranks, share=share) is None


def _stages(memory: Memory | Sequence[Memory]) -> Sequence[Memory]:
    return [memory] if isinstance(memory, Memory) else memory
