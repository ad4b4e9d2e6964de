"""A page that says `local`, and a machine: what the run is planned on."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from orchestrator.errors import PlanError
from orchestrator.launch import foreground
from orchestrator.launch.foreground import Places, train_job
from orchestrator.launch.ground import devices_said, ground
from orchestrator.launch.inventory import node_resources
from orchestrator.launch.job import JobResult, TrainJob
from orchestrator.launch.machine import Gpu, Machine
from orchestrator.launch.planned import plan_for
from orchestrator.spec import ClusterSpec, LoadedRun, load_cluster, load_run
from orchestrator.training.rundir import RunDir
from tests.training.runs import Site

ROOT = Path(__file__).resolve().parents[2]
MACHINE = Machine(cores=2, memory=8 * 2**30, cpu_name="x", cpu_flops=1e11, gpus=())
FOUR = "parallelism.engine=megatron parallelism.tensor=2 parallelism.pipeline=2"


def nano(*said: str) -> LoadedRun:
    return load_run(ROOT / "model_specs/llama/nano.yaml", said)


def local(**node: Any) -> ClusterSpec:
    return ClusterSpec.model_validate({"nodes": 1, "node": {"accelerator": "local", **node}})


def test_one_worker_per_core() -> None:
    node = ground(local(), MACHINE).node
    assert (node.accelerator, node.count, node.cores, node.memory) == ("cpu", 2, 2, 4 * 2**30)
    assert node.peak_tflops == {"fp32": 0.05}


@pytest.mark.parametrize(
    ("said", "devices"),
    [("", 1), (FOUR, 4), (FOUR + " parallelism.data=2", 8), ("parallelism.data=3", 3), ("parallelism.tensor=auto", 1)],
)
def test_a_run_page_asks_for_the_product_of_what_it_says(said: str, devices: int) -> None:
    assert devices_said(nano(said).spec) == devices


def test_a_run_that_asks_for_more_workers_than_cores_gets_them_and_they_share() -> None:
    node = ground(local(), MACHINE, wants=4).node
    assert (node.count, node.cores, node.memory, node.host_memory) == (4, 2, 2 * 2**30, 8 * 2**30)
    assert node.peak_tflops == {"fp32": 0.025}


def test_a_count_that_is_said_stays() -> None:
    assert ground(local(count=3), MACHINE, wants=4).node.count == 3


def test_more_processes_than_memory_holds_are_not_promised() -> None:
    """A page for 384 GPUs on a laptop is told how many devices it lacks, not that 384 processes hold no model."""
    assert ground(local(), MACHINE, wants=384).node.count == 2


def test_gpus_are_not_multiplied() -> None:
    one = Machine(cores=8, memory=2**36, cpu_name="x", cpu_flops=1e11, gpus=(Gpu(name="NVIDIA H100 80GB HBM3", memory=2**36),))
    node = ground(local(), one, wants=4).node
    assert (node.accelerator, node.count) == ("H100", 1)


def test_the_plan_says_that_workers_share_cores_and_the_job_asks_ray_for_all() -> None:
    loaded, hardware = nano(FOUR), load_cluster(ROOT / "cluster/laptop.yaml")
    grounded = ground(hardware.spec, MACHINE, wants=devices_said(loaded.spec))
    plan = plan_for(loaded, grounded, hardware)
    assert plan.world_size == 4
    assert "4 workers share 2 cores" in plan.reasons
    assert plan.device_spec.memory == 2 * 2**30
    job = train_job(RunDir(Path("runs/x")), plan, grounded)
    assert (job.world_size, job.each) == (4, {"device": 1.0})
    assert node_resources(MACHINE, devices=plan.world_size) == {"CPU": 4.0, "device": 4.0}


def test_a_resume_onto_more_workers_than_cores_grounds_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The page said two replicas; SET on resume says four."""
    site = Site(tmp_path)
    run = site.start("widened", "parallelism.engine=deepspeed parallelism.data=2", until=5)
    asked: list[tuple[TrainJob, dict[str, Any]]] = []

    def launched(job: TrainJob, **settings: Any) -> JobResult:
        asked.append((job, settings))
        return JobResult(outcome="paused", message="", exit_code=0, attempts=1)

    monkeypatch.setattr(foreground, "this_machine", lambda: MACHINE)
    monkeypatch.setattr(foreground, "run_job", launched)
    monkeypatch.setattr(foreground, "address_for", lambda *_, **__: None)
    code = foreground.resume(
        run.name, str(ROOT / "cluster/laptop.yaml"), ["parallelism.data=4"],
        places=Places(runs=run.path.parent, data=tmp_path / "data"), until=None, accepted=(), console=Console(file=io.StringIO()),
    )  # fmt: skip
    [(job, settings)] = asked
    assert (code, job.world_size, settings["node"]) == (0, 4, {"CPU": 4.0, "device": 4.0})
    found = ClusterSpec.model_validate_json(run.hardware.read_text())
    assert (found.node.accelerator, found.node.count, found.node.cores) == ("cpu", 4, 2)


def test_a_cluster_that_stands_has_no_more_than_it_was_started_with() -> None:
    loaded, hardware = nano(FOUR), load_cluster(ROOT / "cluster/laptop.yaml")
    with pytest.raises(PlanError, match="= 4 devices are asked for and the cluster has 2"):
        plan_for(loaded, ground(hardware.spec, MACHINE), hardware)
