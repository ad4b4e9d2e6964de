"""The cluster in numbers: devices, what joins them, and how much of each a run gets."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.planning.calibration import Calibration, default_of
from orchestrator.planning.devices import Device, device_of
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


def hardware_of(cluster: ClusterSpec) -> Hardware:
    """The hardware a grounded cluster page means. Raises PlanError for an accelerator nothing is known of."""
    device, node = device_of(cluster), cluster.node
    count = node.count or 1
    share = cluster.network.bandwidth / count if cluster.network else device.link_bandwidth
    base = default_of(device.name, device.kind)
    return Hardware(
        device=device, per_node=count, domain=(node.links.devices if node.links else None) or count,
        link_bandwidth=device.link_bandwidth, network_bandwidth=min(share, device.link_bandwidth or share),
        calibration=base.replaced(cluster.calibration), cores=node.cores,
    )  # fmt: skip
