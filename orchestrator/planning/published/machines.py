"""A published row's devices and links as Hardware, from data sheets and what the row says of its network."""

from __future__ import annotations

import re

from orchestrator.planning.hardware import Hardware, hardware_of
from orchestrator.spec.cluster import ClusterSpec

_NAMES = (
    (r"V100-16", "V100-16GB"), (r"V100", "V100-32GB"), (r"A100-40", "A100-40GB"), (r"A100", "A100-80GB"), (r"A800", "A800-80GB"),
    (r"H100-96", "H100-96GB"), (r"H100", "H100"), (r"H800", "H800"), (r"H200", "H200"), (r"GB200", "GB200"),
    (r"GB300", "GB300"), (r"B200", "B200"), (r"B300", "B300"), (r"\bL4\b", "L4"), (r"4090", "RTX-4090"),
)  # fmt: skip
_NETWORKS = (
    (r"(\d+)x(\d+)Gb", lambda found: int(found[1]) * int(found[2]) / 8),
    (r"(\d+)x(\d+)GB/s", lambda found: int(found[1]) * int(found[2])),
    (r"(\d+)\s?Gbps", lambda found: int(found[1]) / 8),
    (r"(\d+)Gb/s (?:RDMA|RoCE) per GPU", lambda found: int(found[1])),
    (r"4x HDR", lambda found: 100.0),
    (r"2Tb/s", lambda found: 250.0),
    (r"NDR 400Gb", lambda found: 200.0),
    (r"Omni-Path", lambda found: 50.0),
)
_USUAL = {"V100": 50.0, "A100": 200.0, "A800": 200.0}
"""GB/s per node where a row does not say: four 100 Gb/s links, eight 200 Gb/s links; else eight 400 Gb/s links."""


def hardware_of_row(gpu: str, interconnect: str, devices: int) -> Hardware:
    """What a row ran on. Raises ValueError for a device that no data sheet here describes."""
    name = next((name for pattern, name in _NAMES if re.search(pattern, gpu)), None)
    if name is None:
        raise ValueError(f"unknown device {gpu!r}")
    per_node = 4 if "4xV100" in interconnect or "4 GPUs per node" in interconnect else 16 if "DGX-2" in gpu else 8
    network = next(
        (size(found) for pattern, size in _NETWORKS if (found := re.search(pattern, interconnect))),
        next((size for prefix, size in _USUAL.items() if name.startswith(prefix)), 400.0),
    )
    wide = "NVL72" in interconnect
    spec = ClusterSpec.model_validate({
        "nodes": max(1, -(-devices // per_node)),
        "node": {
            "accelerator": name, "count": min(per_node, devices),
            **({"links": {"bandwidth": 900 * 10**9, "devices": 72}} if wide else {}),
        },
        "network": {"bandwidth": int(network * 1e9 * min(per_node, devices) / per_node)},
    })  # fmt: skip
    return hardware_of(spec)
