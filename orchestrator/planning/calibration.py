"""The numbers that no data sheet has, with the default of each: what a page's `calibration` replaces.

Every planner has such numbers; most hide them. Here they are few, named, replaced by measurement, and shown with
every estimate that uses them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from orchestrator.spec.cluster import Calibration as Said


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Efficiencies are fractions of a data sheet's number; times in seconds; sizes in bytes."""

    matmul_efficiency: float = 0.75
    memory_efficiency: float = 0.8
    launch_overhead_s: float = 8e-6
    link_efficiency: float = 0.75
    link_latency_s: float = 8e-6
    network_efficiency: float = 0.75
    network_latency_s: float = 15e-6
    overlap: float = 0.8
    step_overhead_s: float = 0.0
    framework_bytes: int = 1500 * 2**20
    fragmentation: float = 0.05

    def replaced(self, said: Said) -> Calibration:
        """These numbers with those that a page says in their place."""
        names = {field.name for field in fields(self)}
        given = {name: value for name, value in said.model_dump().items() if value is not None}
        seconds = {f"{name.removesuffix('_us')}_s": value * 1e-6 for name, value in given.items() if name.endswith("_us")}
        return replace(self, **{name: value for name, value in (given | seconds).items() if name in names})


CPU = Calibration(
    matmul_efficiency=0.6, launch_overhead_s=10e-6, link_efficiency=0.5, link_latency_s=100e-6, network_latency_s=100e-6,
    overlap=0.0, framework_bytes=600 * 2**20, fragmentation=0.0,
)  # fmt: skip
CUDA = Calibration()
