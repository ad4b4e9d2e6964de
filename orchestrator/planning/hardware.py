"""The cluster in numbers: devices, what joins them, and how much of each a run gets."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.planning.calibration import Calibration, default_of
from orchestrator.planning.devices import HOST_BANDWIDTH, HOST_LINK, Device, device_of, host_link
from orchestrator.spec.cluster import ClusterSpec


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """What estimates read of a cluster. Bandwidths in bytes per second, one direction, per device."""

    device: Device
    per_node: int
    domain: int
    """Devices that the links join: those of a node, or more (NVL72)."""
    link_bandwidth: float
    network_bandwidth: float
    """One device's share of its node's network; the links' own where the page says no network."""
    calibration: Calibration
    cores: int | None = None
    """CPU cores of a node, which workers on the CPU share."""
    host_memory: int | None = None
    """Bytes of a node's own memory, which offload fills; None where the page does not say."""
    host_bandwidth: float = HOST_BANDWIDTH
    """Bytes per second of a node's own memory, all of its ranks together."""
    host_link: float = HOST_LINK
    """Bytes per second between one device and its host, one direction."""


def hardware_of(cluster: ClusterSpec) -> Hardware:
    """The hardware a grounded cluster page means. Raises PlanError for an accelerator nothing is known of."""
    node = cluster.node
    device = _measured(device_of(cluster), cluster)
    count = node.count or 1
    share = cluster.network.bandwidth / count if cluster.network else device.link_bandwidth
    base = default_of(device.name, device.kind)
    if cluster.network and cluster.network.latency_us:
        base = replace(base, network_latency_s=cluster.network.latency_us * 1e-6)
    return Hardware(
        device=device, per_node=count, domain=(node.links.devices if node.links else None) or count,
        link_bandwidth=device.link_bandwidth, network_bandwidth=min(share, device.link_bandwidth or share),
        calibration=base.replaced(cluster.calibration), cores=node.cores, host_memory=node.host_memory,
        host_bandwidth=float(node.host_bandwidth or HOST_BANDWIDTH), host_link=float(node.host_link or host_link(device.name)),
    )  # fmt: skip


def _measured(device: Device, cluster: ClusterSpec) -> Device:
    """The device with what was measured where no data sheet has it: of a worker, which may be less than a core."""
    said, node = cluster.calibration, cluster.node
    turn = min(1.0, node.cores / (node.count or 1)) if node.cores else 1.0
    peak = {str(name): value * 1e12 * turn for name, value in (said.peak_tflops or {}).items()}
    return replace(
        device, peak={**device.peak, **peak}, memory_bandwidth=float(said.memory_bandwidth or device.memory_bandwidth),
        link_bandwidth=float(said.link_bandwidth or device.link_bandwidth),
    )  # fmt: skip
