"""Peak bytes on one rank of every pipeline stage, by what makes them; and whether they fit.

    parts.py        what a rank's memory is made of
    in_flight.py    micro-batches in flight on a stage
    states.py       weights, gradients and optimizer: what ZeRO partitions, what each stack adds
    activations.py  what a block keeps for its backward pass
    rank.py         all of it put together
    room.py         what a device and its host have, and whether it suffices
"""

from __future__ import annotations

from orchestrator.planning.hardware import Hardware
from orchestrator.planning.memory.parts import Memory, largest
from orchestrator.planning.memory.rank import memory_of_stage, of_blocks
from orchestrator.planning.memory.room import capacity, fits, host_bytes, needed, short_of
from orchestrator.planning.work import Work

__all__ = ["Memory", "capacity", "fits", "host_bytes", "largest", "memory_of", "needed", "short_of"]


def memory_of(work: Work, hardware: Hardware) -> tuple[Memory, ...]:
    """Peak bytes on one rank of every pipeline stage."""
    known, on_cpu, blocks = hardware.calibration, hardware.device.kind == "cpu", of_blocks(work)
    return tuple(
        memory_of_stage(work, known, stage, chunks, blocks, on_cpu=on_cpu) for stage, chunks in enumerate(work.stages)
    )
