"""The optimizer's step, bound by the memory that holds weights, gradients and moments: the device's, or under offload the host's.

Offload sends a rank's gradients down in fp32 and its weights back up (engines/deepspeed/config.py, ZeRO-Offload, Ren et al.
2021, arXiv:2101.06840, section 4), and a node's ranks share its memory while they step. What accumulates on the host goes up and
down once more for every further micro-batch (deepspeed/runtime/zero: additions on the CPU would be slower still). With the
parameters there too, every pass fetches its partition first. Nothing of it runs behind computing: overlap is off under offload.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.planning.hardware import Hardware
from orchestrator.planning.work import Work


@dataclass(frozen=True, kw_only=True)
class Moved:
    """Bytes per parameter of one optimizer's step: by kernels on a device, gradients unscaled, normed and clipped among them,
    and in a single pass of a CPU: gradient, weight and state read, weight and state written."""

    device: int
    host: int


STATE_BYTES = {"adamw": Moved(device=44, host=28), "adafactor": Moved(device=30, host=14)}
"""Adafactor's rows and columns are nothing beside AdamW's moments."""


def state_bytes(optimizer: str) -> Moved:
    """Of an optimizer of a run page; published runs name others, which keep moments as AdamW does."""
    return STATE_BYTES.get(optimizer, STATE_BYTES["adamw"])


def optimizer_time(work: Work, hardware: Hardware, weights: tuple[float, float]) -> float:
    """Seconds of one step on a rank with `weights`, dense and of experts, divided as ZeRO says."""
    held, device = held_of(work, weights), hardware.device
    if work.layout.offload == "none":
        return held * state_bytes(work.optimizer).device / (device.memory_bandwidth * hardware.calibration.memory_efficiency)
    share = hardware.host_bandwidth / min(hardware.per_node, work.layout.world_size)
    crossing = 4 + (work.width if work.layout.offload == "optimizer" else 0)
    return held * (state_bytes(work.optimizer).host / share + crossing / hardware.host_link)


def offload_time(work: Work, hardware: Hardware, weights: tuple[float, float]) -> tuple[float, float]:
    """Seconds per step of (gradients, weights) between device and host beside the optimizer's own."""
    layout, turns, held = work.layout, work.micro_batches, held_of(work, weights)
    if layout.offload == "none":
        return 0.0, 0.0
    accumulated = {1: 0, 2: 2 * work.width, 3: 8}[layout.zero] * (turns - 1)
    fetched = 2 * turns * work.width if layout.offload == "parameters" else 0
    return held * accumulated / hardware.host_link, held * fetched / hardware.host_link


def held_of(work: Work, weights: tuple[float, float]) -> float:
    """Parameters that a rank steps."""
    layout = work.layout
    replicas, spread = (layout.replicas, layout.expert_replicas) if layout.zero else (1, 1)
    return weights[0] / replicas + weights[1] / spread
