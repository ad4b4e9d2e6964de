"""Measurements made up from known constants give these constants back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.planning.calibration import CUDA, KERNEL_S
from orchestrator.planning.hardware import Hardware, hardware_of
from orchestrator.planning.memory.rank import COMMUNICATOR_BYTES
from orchestrator.planning.timing.collectives import Group, all_reduce
from orchestrator.planning.timing.products import Unit, product
from orchestrator.probes.constants import constants
from orchestrator.probes.findings import Cost, Exchanged, Findings, Product, findings_from
from orchestrator.spec import ClusterSpec

SIZES = ((8192, 8192, 8192), (8192, 4096, 4096), (8192, 11008, 4096))


def hardware(accelerator: str = "H100", nodes: int = 2) -> Hardware:
    page = {"nodes": nodes, "node": {"accelerator": accelerator, "count": 8}, "network": {"bandwidth": "400GB"}}
    return hardware_of(ClusterSpec.model_validate(page))


def ring(ranks: int, moved: int, *, latency: float, bandwidth: float, near: bool, crowd: float = 1.0, kind: str = "all_reduce") -> Exchanged:
    """An all-reduce that takes its latency once per rank and 2 (n - 1) / n of its bytes."""
    seconds = latency * ranks + 2 * (ranks - 1) / ranks * moved / bandwidth
    return Exchanged(kind=kind, ranks=ranks, moved=moved, seconds=seconds, near=near, crowd=crowd)


def planned(ranks: int, moved: int, *, near: bool) -> Exchanged:
    """An all-reduce as the planner reckons it, of an H100 whose constants are other than the defaults."""
    known = replace(
        CUDA, link_latency_s=6e-6, link_efficiency=0.8, network_latency_s=20e-6, network_efficiency=0.6,
    )  # fmt: skip
    among = Group(size=ranks, inside=ranks if near else 1)
    seconds = all_reduce(moved, among, replace(hardware(), calibration=known))
    return Exchanged(kind="all_reduce", ranks=ranks, moved=moved, seconds=seconds, near=near)


def test_an_h100_that_reaches_seven_tenths() -> None:
    device = hardware().device
    unit = Unit(peak=device.peak_at("bf16"), sms=device.sms, bandwidth=device.memory_bandwidth)
    found = Findings(
        device="cuda", name="H100", software="torch", attention_flops=0.5 * 989e12, streamed=0.8 * 3.35e12, launch_s=7e-6,
        products=tuple(
            Product(m=m, n=n, k=k, precision="bf16", seconds=product(m, n, k, unit).tiled / 0.7 + KERNEL_S) for m, n, k in SIZES
        ),
        exchanges=tuple(
            planned(ranks, moved, near=near) for ranks in (2, 4, 8) for moved in (2**12, 2**28) for near in (True, False)
        ),
        resident=1_700_000_000 + 7 * COMMUNICATOR_BYTES, slack=0.04,
    )  # fmt: skip
    said = constants(found, hardware())
    assert said["matmul_efficiency"] == pytest.approx(0.7, abs=2e-3)
    assert said["attention_efficiency"] == pytest.approx(0.5, abs=2e-3)
    assert said["memory_efficiency"] == pytest.approx(0.8, abs=2e-3)
    assert said["link_efficiency"] == pytest.approx(0.8, abs=2e-3)
    assert said["network_efficiency"] == pytest.approx(0.6, abs=2e-3)
    assert said["link_latency_us"] == pytest.approx(6, rel=0.02)
    assert said["network_latency_us"] == pytest.approx(20, rel=0.02)
    assert (said["framework_bytes"], said["fragmentation"], said["launch_overhead_us"]) == ("1700MB", 0.04, 7.0), "without the gang's own group, and 3 of each kind"
    assert {"peak_tflops", "memory_bandwidth", "link_bandwidth"} & said.keys() == set(), "a data sheet has them"


def test_cores_have_no_data_sheet() -> None:
    found = Findings(
        device="cpu", name="cpu", software="torch", attention_flops=30e9, copied=20e9, streamed=8e9, launch_s=1e-5,
        products=tuple(Product(m=100, n=100, k=100, precision="fp32", seconds=2e6 / rate) for rate in (100e9, 90e9, 80e9)),
        exchanges=(
            *(ring(2, moved, latency=1e-4, bandwidth=1e9, near=True) for moved in (64, 2**23)),
            ring(2, 0, latency=3e-4, bandwidth=1e9, near=True, kind="arrival"),
            ring(4, 0, latency=9e-4, bandwidth=1e9, near=True, kind="arrival", crowd=2.0),
        ),
        costs={"megatron": Cost(step_us=3000.4, pass_us=2000, block_us=900)},
    )  # fmt: skip
    said = constants(found, hardware("cpu", nodes=1))
    assert said["peak_tflops"] == {"fp32": 0.1}
    assert said["matmul_efficiency"] == pytest.approx(0.9)
    assert (said["memory_bandwidth"], said["memory_efficiency"]) == ("20.0GB", 0.4)
    assert said["link_bandwidth"] == "1000.0MB"
    assert said["link_latency_us"] == pytest.approx(300), "what ranks wait between pieces of computing, not when all are there"
    assert said["turn_us"] == pytest.approx(600)
    assert said["host"] == {"megatron": {"step_us": 3000, "pass_us": 2000, "block_us": 900}}
    ClusterSpec.model_validate({"nodes": 1, "calibration": said})


def test_findings_survive_json() -> None:
    found = Findings(
        device="cpu", name="cpu", software="torch", products=(Product(m=1, n=2, k=3, precision="fp32", seconds=0.5),),
        exchanges=(ring(2, 8, latency=1e-4, bandwidth=1e9, near=True),), costs={"megatron": Cost(step_us=1, pass_us=2, block_us=3)},
    )  # fmt: skip
    assert findings_from(found.as_dict()) == found
