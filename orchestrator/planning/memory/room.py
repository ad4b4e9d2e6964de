"""Whether a rank's memory fits its device: one definition, wherever a plan asks.

A device named for 80 GB shows 81,920 MiB and lets a program have 79.2 GiB of it: driver and firmware keep a hundredth.
Slack is not all needed either: an allocator that is refused gives its unused blocks back and asks again, so that runs
were seen at the edge of a device that kept going. What lies between blocks in use stays lost. What is cached of another moment
of the step is all given back.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def fits(memory: Memory | Sequence[Memory], hardware: Hardware) -> bool:
    """Whether a rank of every given stage has room on its device."""
    stages = [memory] if isinstance(memory, Memory) else memory
    return all(needed(stage) <= capacity(hardware) for stage in stages)
