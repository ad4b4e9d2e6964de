"""Waiting for the host: small work is started more slowly than it is done.

The host runs ahead of the device as long as each operation takes longer than starting it. Layers of hidden size 1024
with one sequence do not, and then a step takes as long as Python does, whatever the device.
"""

from __future__ import annotations

from orchestrator.planning.calibration import Calibration
from orchestrator.planning.software import Software

SHARPNESS = 4.0
"""How suddenly the host takes over: operations differ, so some wait before their sum does. Assumed."""


def waiting(device: float, operations: float, known: Calibration, software: Software) -> float:
    """Seconds that `operations` started by the host add to `device` seconds of work."""
    host = operations * known.launch_overhead_s
    if software.graphs or host < 0.2 * device:
        return 0.0
    return float((device**SHARPNESS + host**SHARPNESS) ** (1 / SHARPNESS)) - device
