"""What `make calibrate` asks for, and what it says when it cannot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import CommandError
from orchestrator.launch.calibrate import FEW, as_said, calibrate, from_rows, gang_of, said_of
from orchestrator.launch.ground import ground
from orchestrator.launch.machine import Gpu, Machine
from orchestrator.planning.calibration import CPU, CUDA, most_matmul
from orchestrator.planning.hardware import hardware_of
from orchestrator.probes.findings import Findings, Product
from orchestrator.spec import ClusterSpec, load_cluster

ROWS = Path(__file__).resolve().parents[2] / "benchmarks/planner/published_runs.csv"

TWO_CORES = Machine(cores=2, memory=16 * 2**30, cpu_name="a CPU", cpu_flops=1e11, gpus=())
LOCAL = ClusterSpec.model_validate({"nodes": 1})


def test_a_local_cpu_is_probed_with_more_workers_than_cores() -> None:
    assert gang_of(LOCAL, TWO_CORES).node.count == 4
    assert gang_of(LOCAL, replace(TWO_CORES, memory=2**30)).node.count == 2, "where memory holds them"


def test_gpus_and_declared_nodes_are_probed_as_they_are() -> None:
    gpus = replace(TWO_CORES, gpus=(Gpu(name="NVIDIA H100 80GB HBM3", memory=80 * 10**9),) * 8)
    assert gang_of(LOCAL, gpus).node.count == 8
    declared = ClusterSpec.model_validate({"nodes": 3, "node": {"accelerator": "cpu", "count": 2}})
    assert gang_of(declared, TWO_CORES).node.count == 2


def found(flops: float) -> Findings:
    return Findings(
        device="cpu", name="cpu", software="torch 2", attention_flops=flops / 2, copied=2e10, streamed=1e10, launch_s=1e-5,
        products=(Product(m=100, n=100, k=100, precision="fp32", seconds=2e6 / flops),),
    )  # fmt: skip


@pytest.mark.parametrize(("workers", "share"), [(1, 1.0), (2, 1.0), (4, 0.5)])
def test_the_calibration_of_a_local_page_applies_once_it_is_grounded(workers: int, share: float) -> None:
    """What was measured of a core is a worker's while it has one; two workers to a core have half of it each."""
    said = said_of(found(90e9), ground(LOCAL, TWO_CORES), TWO_CORES)
    page = ClusterSpec.model_validate({"nodes": 1, "node": {"count": workers}, "calibration": said})
    hardware = hardware_of(ground(page, TWO_CORES))
    assert hardware.device.peak_at("fp32") == pytest.approx(share * 90e9)
    assert hardware.calibration.attention_efficiency == pytest.approx(0.5)
    assert hardware.calibration.launch_overhead_s == pytest.approx(1e-5)
    assert "2 cores of a CPU, torch 2" in said["source"]


def test_ids_without_rows_and_rows_without_ids() -> None:
    with pytest.raises(CommandError, match=r"ROWS=file\.csv"):
        calibrate(Path("cluster/laptop.yaml"), out=None, runs=Path("runs"), address=None, rows=None, ids=["a"], say=print)
    with pytest.raises(CommandError, match="there is no file"):
        from_rows(Path("nowhere.csv"), ["a"])


def test_a_fit_is_said_in_the_pages_units() -> None:
    fitted = replace(CUDA, matmul_efficiency=0.61234567, link_latency_s=12.5e-6, framework_bytes=2_000_000_000)
    said = as_said(fitted, CUDA, source="rows")
    assert said == {"matmul_efficiency": 0.6123, "link_latency_us": 12.5, "framework_bytes": 2_000_000_000, "source": "rows"}
    page = ClusterSpec.model_validate({"nodes": 1, "calibration": said})
    assert CUDA.replaced(page.calibration).link_latency_s == pytest.approx(12.5e-6)
    assert as_said(CPU, CPU, source="none") == {"source": "none"}


def test_rows_that_were_not_fitted_to_say_how_far_off_the_constants_are() -> None:
    """Narayanan et al. 2021, table 1: three rows fitted to, four left. No peak was published, so memory's error is not told."""
    said = from_rows(ROWS, ["sc21_t1_7.5B", "sc21_t1_76B", "sc21_t1_310B"])
    assert set(said["error"]) == {"time"}
    assert 0 < said["error"]["time"] < 0.05
    assert said["error_on"] == {"engine": ["megatron"], "precision": ["fp16"], "model": ["dense"]}
    assert said["source"].endswith("error on 4 others")


def test_one_row_alone_tells_no_error() -> None:
    said = from_rows(ROWS, ["neox20b"])
    assert "error" not in said
    assert "1 of them cannot tell one constant from another" in said["source"]


def test_no_page_that_ships_is_fitted_to_so_few() -> None:
    for page in (ROWS.parents[2] / "cluster").glob("*.yaml"):
        source = load_cluster(page).spec.calibration.source or ""
        assert "fitted to rows" not in source or source.count(",") >= FEW - 1, page.name


def test_no_page_that_ships_multiplies_faster_than_was_ever_measured() -> None:
    for page in (ROWS.parents[2] / "cluster").glob("*.yaml"):
        spec = load_cluster(page).spec
        assert (spec.calibration.matmul_efficiency or 0.0) <= most_matmul(spec.node.accelerator), page.name

