"""What accelerators can do: dense peak TFLOP/s by precision and memory, from the makers' data sheets."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import PlanError, Problem
from orchestrator.registry import nearest, unknown
from orchestrator.spec.cluster import ClusterSpec

GB = 10**9


@dataclass(frozen=True, kw_only=True)
class Device:
    """One accelerator (for `cpu`, one core). `peak` in FLOP/s by precision; `memory` and links in bytes (per second).

    `peak` lacks a precision that the device has no fast path for; `supports` says what it can train in at all.
    """

    name: str
    kind: str
    memory: int
    peak: dict[str, float]
    supports: tuple[str, ...] = ("fp32", "bf16")
    link_bandwidth: float = 0.0

    def peak_at(self, precision: str) -> float:
        """Peak FLOP/s at a precision; where it has no fast path, that of the one it has."""
        return self.peak.get(precision) or next(iter(self.peak.values()))


_TABLE = {
    device.name: device
    for device in (
        Device(name="V100-16GB", kind="cuda", memory=16 * GB, peak={"fp32": 15.7e12}, supports=("fp32",), link_bandwidth=150e9),
        Device(name="V100-32GB", kind="cuda", memory=32 * GB, peak={"fp32": 15.7e12}, supports=("fp32",), link_bandwidth=150e9),
        Device(name="A100-40GB", kind="cuda", memory=40 * GB, peak={"fp32": 19.5e12, "bf16": 312e12}, link_bandwidth=300e9),
        Device(name="A100-80GB", kind="cuda", memory=80 * GB, peak={"fp32": 19.5e12, "bf16": 312e12}, link_bandwidth=300e9),
        Device(name="L4", kind="cuda", memory=24 * GB, peak={"fp32": 30.3e12, "bf16": 121e12}, link_bandwidth=32e9),
        Device(name="RTX-4090", kind="cuda", memory=24 * GB, peak={"fp32": 82.6e12, "bf16": 165e12}, link_bandwidth=32e9),
        Device(name="H100", kind="cuda", memory=80 * GB, peak={"fp32": 67e12, "bf16": 989e12}, link_bandwidth=450e9),
        Device(name="H200", kind="cuda", memory=141 * GB, peak={"fp32": 67e12, "bf16": 989e12}, link_bandwidth=450e9),
        Device(name="B200", kind="cuda", memory=180 * GB, peak={"fp32": 80e12, "bf16": 2250e12}, link_bandwidth=900e9),
    )
}  # fmt: skip
CPU_CORE_FLOPS = 5e10
"""One core in fp32 where the machine does not tell its clock: an order of magnitude."""
CPU_LINK_BANDWIDTH = 5e9
"""Shared memory between processes of one machine, as gloo uses it over loopback: an order of magnitude."""


def device_of(cluster: ClusterSpec) -> Device:
    """The device a grounded cluster page means. Raises PlanError for an accelerator nothing is known of."""
    node = cluster.node
    name = node.accelerator
    link = float(node.links.bandwidth) if node.links else None
    peak = {str(precision): value * 1e12 for precision, value in (node.peak_tflops or {}).items() if value}
    if name == "cpu":
        memory = node.memory or (node.host_memory or 16 * 2**30) // (node.count or 1)
        return Device(
            name=name, kind="cpu", memory=memory, peak=peak or {"fp32": CPU_CORE_FLOPS},
            link_bandwidth=link or CPU_LINK_BANDWIDTH,
        )  # fmt: skip
    known = _TABLE.get(name)
    if known is None and not (node.memory and peak):
        names = (*_TABLE, "cpu", "local")
        guess = nearest(name, names)
        fix = f"write `{guess}`" if guess else "choose one of them"
        own = "or describe yours: add `memory: 80GB` and `peak_tflops: {bf16: 300}` under node"
        problem = Problem(path="node.accelerator", message=unknown("accelerator", name, names), fix=f"{fix}, {own}")
        raise PlanError([problem])
    if known is None:
        assert node.memory is not None
        supports = tuple(precision for precision in ("fp32", "bf16") if precision in peak)
        return Device(
            name=name, kind="cuda", memory=node.memory, peak=peak,
            supports=supports, link_bandwidth=link or 0.0,
        )  # fmt: skip
    return Device(
        name=name, kind="cuda", memory=node.memory or known.memory, peak={**known.peak, **peak},
        supports=known.supports, link_bandwidth=link or known.link_bandwidth,
    )  # fmt: skip


def accelerator_of(driver_name: str) -> str:
    """The table's name for what a GPU driver calls a device; the driver's own name where the table has none.

    `NVIDIA H100 80GB HBM3` -> `H100`; `NVIDIA A100-SXM4-80GB` -> `A100-80GB`.
    """
    words = driver_name.replace("-", " ").split()
    fitting = [name for name in _TABLE if all(word in words for word in name.replace("-", " ").split())]
    return max(fitting, key=len, default=driver_name)
