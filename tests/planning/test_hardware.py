"""What a cluster page says of its hardware is read: a key that changes nothing would be a promise."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.planning.hardware import hardware_of
from orchestrator.spec import ClusterSpec
from orchestrator.spec.cluster import Links, Network, Node

SAID: dict[str, Any] = {"accelerator": "A100-80GB", "count": 8, "links": {"bandwidth": "300GB"}}
OTHER: dict[str, Any] = {
    "accelerator": "H100", "count": 4, "cores": 64, "memory": "40GB", "host_memory": "1TB", "host_bandwidth": "300GB", "host_link": "12GB",
    "memory_bandwidth": "1TB", "peak_tflops": {"bf16": 200}, "links": {"bandwidth": "100GB"},
}  # fmt: skip


def page(node: dict[str, Any], network: str = "100GB") -> ClusterSpec:
    return ClusterSpec.model_validate({"nodes": 2, "node": node, "network": {"bandwidth": network}})


@pytest.mark.parametrize("key", Node.model_fields)
def test_every_key_of_a_node_tells(key: str) -> None:
    assert hardware_of(page({**SAID, key: OTHER[key]})) != hardware_of(page(SAID))


def test_links_and_network_tell_their_bandwidth_and_how_far_they_reach() -> None:
    """Their latencies are of collectives and of software, and measured: `calibration`."""
    assert set(Links.model_fields) == {"bandwidth", "name", "devices"}
    assert set(Network.model_fields) == {"bandwidth", "latency_us"}
    assert hardware_of(page({**SAID, "links": {"bandwidth": "300GB", "devices": 72}})).domain == 72
    assert hardware_of(page(SAID, "200GB")).network_bandwidth == 2 * hardware_of(page(SAID)).network_bandwidth


def test_a_network_s_latency_is_the_page_s_until_it_was_measured() -> None:
    said = {"nodes": 2, "node": SAID, "network": {"bandwidth": "100GB", "latency_us": 50}}
    assert hardware_of(ClusterSpec.model_validate(said)).calibration.network_latency_s == pytest.approx(50e-6)
    measured = said | {"calibration": {"network_latency_us": 20}}
    assert hardware_of(ClusterSpec.model_validate(measured)).calibration.network_latency_s == pytest.approx(20e-6)
