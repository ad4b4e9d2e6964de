"""The optimizer's step: bound by the memory that holds weights, gradients and moments."""

from __future__ import annotations

from orchestrator.planning.hardware import Hardware
from orchestrator.planning.work import Work

STATE_BYTES = {"adamw": 44, "adafactor": 30, "sgd": 24}
"""Per parameter: gradients read, unscaled, normed and clipped; master weights and moments read and written; weights written."""


def optimizer_time(work: Work, hardware: Hardware, weights: tuple[float, float]) -> float:
    """Seconds of one step on a rank with `weights`, dense and of experts, divided as ZeRO says."""
    layout = work.layout
    replicas, spread = (layout.replicas, layout.expert_replicas) if layout.zero else (1, 1)
    held = weights[0] / replicas + weights[1] / spread
    device = hardware.device
    return held * STATE_BYTES.get(work.optimizer, 44) / (device.memory_bandwidth * hardware.calibration.memory_efficiency)
