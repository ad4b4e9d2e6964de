"""What accelerators can do: dense peak TFLOP/s by precision and memory, from the makers' data sheets."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import PlanError, Problem
from orchestrator.registry import nearest, unknown
from orchestrator.spec.cluster import ClusterSpec

GIB = 2**30


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
    """Precisions that it trains in; a peak of another (fp16, fp8) serves to compare with runs of others."""
    link_bandwidth: float = 0.0
    memory_bandwidth: float = 0.0
    sms: int = 1
    """Processors that tiles of a matrix product are dealt to in waves."""

    def peak_at(self, precision: str) -> float:
        """Peak FLOP/s at a precision; where it has no fast path, that of the one it has."""
        return self.peak.get(precision) or next(iter(self.peak.values()))


def _gpu(name: str, memory: int, bandwidth: float, link: float, *, sms: int = 108, **peaks: float) -> Device:
    """A row of the table: GiB of memory (what makers print as GB), TB/s of it, GB/s of links one way, dense TFLOP/s by precision."""
    supports = ("fp32", "bf16") if "bf16" in peaks else ("fp32",)
    return Device(
        name=name, kind="cuda", memory=memory * GIB, memory_bandwidth=bandwidth * 1e12, link_bandwidth=link * 1e9, sms=sms,
        peak={precision: tflops * 1e12 for precision, tflops in peaks.items()}, supports=supports,
    )  # fmt: skip


_TABLE = {
    device.name: device
    for device in (
        _gpu("V100-16GB", 16, 0.9, 150, sms=80, fp32=15.7, fp16=125),
        _gpu("V100-32GB", 32, 0.9, 150, sms=80, fp32=15.7, fp16=125),
        _gpu("A100-40GB", 40, 1.555, 300, fp32=19.5, fp16=312, bf16=312),
        _gpu("A100-80GB", 80, 2.039, 300, fp32=19.5, fp16=312, bf16=312),
        _gpu("A800-80GB", 80, 2.039, 200, fp32=19.5, fp16=312, bf16=312),
        _gpu("L4", 24, 0.3, 32, sms=58, fp32=30.3, fp16=121, bf16=121, fp8=242),
        _gpu("RTX-4090", 24, 1.008, 32, sms=128, fp32=82.6, fp16=165, bf16=165, fp8=330),
        _gpu("H100", 80, 3.35, 450, sms=132, fp32=67, fp16=989, bf16=989, fp8=1979),
        _gpu("H100-96GB", 96, 2.4, 450, sms=132, fp32=67, fp16=989, bf16=989, fp8=1979),
        _gpu("H800", 80, 3.35, 200, sms=132, fp32=67, fp16=989, bf16=989, fp8=1979),
        _gpu("H200", 141, 4.8, 450, sms=132, fp32=67, fp16=989, bf16=989, fp8=1979),
        _gpu("B200", 180, 8.0, 900, sms=148, fp32=80, fp16=2250, bf16=2250, fp8=4500),
        _gpu("B300", 288, 8.0, 900, sms=148, fp32=80, fp16=2250, bf16=2250, fp8=4500),
        _gpu("GB200", 186, 8.0, 900, sms=148, fp32=80, fp16=2500, bf16=2500, fp8=5000),
        _gpu("GB300", 288, 8.0, 900, sms=148, fp32=80, fp16=2500, bf16=2500, fp8=5000),
    )
}
CPU_CORE_FLOPS = 5e10
"""One core in fp32 where the machine does not tell its clock: an order of magnitude."""
CPU_MEMORY_BANDWIDTH = 10e9
"""One core's share of a machine's memory bandwidth: an order of magnitude."""
GUESSED_INTENSITY = 1 / 150
"""Bytes of memory bandwidth per peak FLOP of an accelerator that a page describes without `memory_bandwidth`: an A100's."""
CPU_LINK_BANDWIDTH = 5e9
"""Shared memory between processes of one machine, as gloo uses it over loopback: an order of magnitude."""
HOST_LINK = 25e9
"""PCIe 4.0 x16 between a device and its host as copies reach it, of nominal 32 GB/s (measured on A100; BaM, arXiv:2203.04910)."""
_HOST_LINKS = {"V100": 12e9, "H100": 50e9, "H200": 50e9, "B200": 50e9, "B300": 50e9, "GB200": 350e9, "GB300": 350e9}
"""Of other generations: PCIe 3.0 reaches 12 of 16 GB/s (the same); PCIe 5.0 and NVLink-C2C are taken to reach as large a part of
their 64 and 450."""
HOST_BANDWIDTH = 200e9
"""A node's own memory as an optimizer's step reaches it: half of what two sockets of eight DDR4-3200 channels have (410 GB/s)."""


def host_link(device: str) -> float:
    """Bytes per second between one device and its host where the page does not say."""
    return _HOST_LINKS.get(device.split("-")[0], HOST_LINK)


def device_of(cluster: ClusterSpec) -> Device:
    """The device a grounded cluster page means. Raises PlanError for an accelerator nothing is known of."""
    node = cluster.node
    name = node.accelerator
    link = float(node.links.bandwidth) if node.links else None
    streams = float(node.memory_bandwidth or 0)
    peak = {str(precision): value * 1e12 for precision, value in (node.peak_tflops or {}).items() if value}
    if name == "cpu":
        memory = node.memory or (node.host_memory or 16 * 2**30) // (node.count or 1)
        return Device(
            name=name, kind="cpu", memory=memory, peak=peak or {"fp32": CPU_CORE_FLOPS},
            link_bandwidth=link or CPU_LINK_BANDWIDTH, memory_bandwidth=streams or CPU_MEMORY_BANDWIDTH,
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
            supports=supports, link_bandwidth=link or 0.0, memory_bandwidth=streams or GUESSED_INTENSITY * max(peak.values()),
        )  # fmt: skip
    return Device(
        name=name, kind="cuda", memory=node.memory or known.memory, peak={**known.peak, **peak},
        supports=known.supports, link_bandwidth=link or known.link_bandwidth,
        memory_bandwidth=streams or known.memory_bandwidth, sms=known.sms,
    )  # fmt: skip


def accelerator_of(driver_name: str) -> str:
    """The table's name for what a GPU driver calls a device; the driver's own name where the table has none.

    `NVIDIA H100 80GB HBM3` -> `H100`; `NVIDIA A100-SXM4-80GB` -> `A100-80GB`.
    """
    words = driver_name.replace("-", " ").split()
    fitting = [name for name in _TABLE if all(word in words for word in name.replace("-", " ").split())]
    return max(fitting, key=len, default=driver_name)
