"""On a real Ray: three raylets started by `up`, shared by all tests here, and taken down whole."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.errors import CommandError, PlacementError
from orchestrator.launch import cluster, inventory, jobs, processes
from orchestrator.launch.cluster import Standing
from orchestrator.launch.gauges import GaugesView
from orchestrator.launch.job import run
from orchestrator.launch.output import WorkerOutput
from orchestrator.launch.pins import NODE_ID
from orchestrator.launch.processes import Process
from orchestrator.launch.session import Session, attached
from orchestrator.spec.cluster import ClusterSpec
from orchestrator.training.rundir import read_lines
from tests.launch import standin

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]

ROOT = Path(__file__).parent.parent.parent
NAME = "three"
CODE = {"env_vars": {"PYTHONPATH": str(ROOT)}}
PAGE = ClusterSpec.model_validate({"nodes": 3, "node": {"accelerator": "cpu", "count": 2}})


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clusters")


@pytest.fixture(scope="module")
def standing(states: Path) -> Iterator[Standing]:
    started = cluster.up(PAGE, name=NAME, states=states)
    family = processes.with_descendants(started.processes)
    try:
        yield started
    finally:
        family |= processes.with_descendants(processes.mentioning(started.temp))
        cluster.down(NAME, states=states)
        assert not any(process.alive for process in family)
        assert not Path(started.temp).exists()


def wait_for(condition: Callable[[], object], *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.2)


class KillOnce:
    """A view that kills a worker with SIGKILL when the run has reached a step, and sees how long its peers live on."""

    def __init__(self, run_dir: Path, *, rank: int, step: int) -> None:
        self.run_dir, self.rank, self.step = run_dir, rank, step
        self.killed, self.at, self.peers_lived_s = False, 0.0, 0.0
        self.peers: list[Process] = []

    def poll(self) -> None:
        steps = [record["step"] for record in read_lines(self.run_dir / "metrics.jsonl")]
        if not self.killed and steps and steps[-1] >= self.step:
            pids = {path.name: int(path.read_text()) for path in self.run_dir.glob("pid-*")}
            self.peers = [peer for pid in pids.values() if (peer := processes.identify(pid))]
            os.kill(pids[f"pid-{self.rank}"], signal.SIGKILL)
            self.killed, self.at = True, time.monotonic()
        if any(peer.alive for peer in self.peers):
            self.peers_lived_s = time.monotonic() - self.at

    def close(self) -> None:
        assert self.killed


class Holder:
    """Somebody else's actor, which holds what it was given."""


@contextlib.contextmanager
def held_device(standing: Standing, folder: Path, *, node: int) -> Iterator[None]:
    """One device of one node is taken for a while."""
    import ray

    with attached(folder / "ray.log", address=standing.address):
        where = inventory.of_ray().nodes[node]
        actor = ray.remote(num_cpus=0, resources={"device": 1}, label_selector={NODE_ID: where.id})(Holder)
        holder = actor.options(name="holder", namespace="tests", lifetime="detached").remote()
        ray.get(holder.__ray_ready__.remote())
    try:
        yield
    finally:
        with attached(folder / "ray.log", address=standing.address):
            ray.kill(ray.get_actor("holder", namespace="tests"))


class Scrape:
    """A view that reads /metrics now and then, as Prometheus does, and keeps all it has read."""

    def __init__(self, address: str) -> None:
        self.address, self.text, self.at = address, "", 0.0

    def poll(self) -> None:
        if time.monotonic() - self.at > 1:
            self.at = time.monotonic()
            with urllib.request.urlopen(self.address, timeout=10) as answer:
                self.text += answer.read().decode()

    def close(self) -> None: ...


def test_up_again_finds_the_cluster_up(standing: Standing, states: Path) -> None:
    said: list[str] = []
    assert cluster.up(PAGE, name=NAME, states=states, say=said.append) == standing
    assert said == [f"cluster    {NAME} is up already: dashboard {standing.dashboard}"]


def test_the_inventory_has_every_node_with_its_devices(standing: Standing, tmp_path: Path) -> None:
    with attached(tmp_path / "ray.log", address=standing.address):
        nodes = inventory.of_ray().nodes
    assert [node.name for node in nodes] == ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
    assert all(node.total["device"] == node.free["device"] == 2 for node in nodes)


def test_a_gang_that_never_fits_is_refused_within_ten_seconds(standing: Standing, tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(PlacementError, match="missing  room for 1 worker"):
        run(standin.job(tmp_path, world_size=7, steps=1), address=standing.address)
    assert time.monotonic() - begun < 10


def test_a_killed_worker_costs_a_restart_and_nothing_else(standing: Standing, tmp_path: Path) -> None:
    said: list[str] = []
    scrapes: list[Scrape] = []

    def views(session: Session) -> list[object]:
        scrapes.append(Scrape(session.metrics))
        kill = KillOnce(tmp_path, rank=1, step=7)
        return [WorkerOutput(tmp_path, said.append), GaugesView(tmp_path), kill, *scrapes]

    job = standin.job(tmp_path, world_size=2, steps=60)
    result = run(job, address=standing.address, runtime_env=CODE, say=said.append, views=views)  # type: ignore[arg-type]

    assert (result.outcome, result.exit_code, result.attempts) == ("finished", 0, 2)
    steps = [record["step"] for record in read_lines(tmp_path / "metrics.jsonl")]
    assert sorted(set(steps)) == list(range(1, 61))
    [failed] = [event for event in read_lines(tmp_path / "events.jsonl") if event["event"] == "gang_failed"]
    assert failed["ranks"]["1"].startswith("the process died")
    assert any("attempt 1 failed (rank 1: the process died" in line for line in said)
    assert "[ranks 0-1] starting at step 1" in said
    assert not any("waits for this cluster" in line for line in said)  # it is our own workers that fill it
    for gauge in ("loss", "tokens_per_second", "step_time_seconds", "mfu", "learning_rate", "grad_norm"):
        assert f"ray_orchestrator_{gauge}{{" in scrapes[0].text
    assert f'run="{tmp_path.name}"' in scrapes[0].text


def test_ranks_that_wait_for_a_killed_one_in_a_receive_are_ended_and_the_run_goes_on(standing: Standing, tmp_path: Path) -> None:
    """A pipeline of four, its second rank killed: rank 2 waits for it, rank 3 for rank 2, rank 0 for rank 3."""
    kill = KillOnce(tmp_path, rank=1, step=7)
    job = standin.job(tmp_path, world_size=4, steps=12, together=2, RING="1")
    result = run(job, address=standing.address, runtime_env=CODE, views=lambda _: [kill])
    assert (result.outcome, result.attempts) == ("finished", 2), result.message
    [failed] = [event for event in read_lines(tmp_path / "events.jsonl") if event["event"] == "gang_failed"]
    assert failed["ranks"]["1"].startswith("the process died")
    steps = [record["step"] for record in read_lines(tmp_path / "metrics.jsonl")]
    assert sorted(set(steps)) == list(range(1, 13))
    assert kill.peers_lived_s < 20  # half a second where the machine is not busy


def test_a_gang_in_pairs_lies_on_the_nodes_that_hold_whole_pairs(standing: Standing, tmp_path: Path) -> None:
    """One device of the first node is taken: three nodes have 1, 2 and 2 free."""
    with held_device(standing, tmp_path, node=0):
        result = run(standin.job(tmp_path, world_size=4, steps=3, together=2), address=standing.address, runtime_env=CODE)
        assert (result.outcome, result.attempts) == ("finished", 1), result.message
        nodes = [(tmp_path / f"node-{rank}").read_text() for rank in range(4)]
        assert nodes[0] == nodes[1] != nodes[2] == nodes[3]
        assert not any("127.0.0.2" in node for node in nodes)


def test_a_gang_whose_pairs_fit_only_when_torn_apart_is_refused(standing: Standing, tmp_path: Path) -> None:
    with pytest.raises(PlacementError, match=r"every 4 consecutive ranks on one node(?s:.*)no node holds 4 workers"):
        run(standin.job(tmp_path, world_size=4, steps=1, together=4), address=standing.address)


def test_an_error_of_ours_ends_the_run_without_a_restart(standing: Standing, tmp_path: Path) -> None:
    job = standin.job(tmp_path, world_size=2, steps=20, FATAL="1")
    result = run(job, address=standing.address, runtime_env=CODE)
    assert (result.outcome, result.exit_code) == ("failed", 4)
    assert result.message == "rank 1: DataError: shard 7 is damaged; next: make data"


def test_a_submitted_job_stops_with_a_checkpoint_and_leaves_no_process(standing: Standing, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    # Five seconds: Ray's C++ handler of SIGTERM once killed the driver after three, its checkpoint unawaited.
    arguments = [str(folder), "2", "5000", "5"]
    job = jobs.submit(
        standing, module="tests.launch.standin", arguments=arguments, run="mine", metadata={"spec": "nano"}, root=ROOT
    )
    assert job == "mine"
    wait_for(lambda: any(read_lines(folder / "metrics.jsonl")))
    [listed] = [found for found in jobs.jobs(standing) if found.id == job]
    assert listed.status == "RUNNING"
    assert listed.metadata == {"run": "mine", "spec": "nano"}

    workers = [processes.identify(int((folder / f"pid-{rank}").read_text())) for rank in range(2)]
    assert jobs.stop(standing, job).status == "STOPPED"

    last = [record["step"] for record in read_lines(folder / "metrics.jsonl")][-1]
    assert json.loads((folder / "checkpoint.json").read_text()) == {"step": last}
    assert not processes.wait_gone([worker for worker in workers if worker], 20)
    text = "".join(jobs.logs(standing, job))
    assert "SIGTERM: saving a checkpoint" in text
    assert f"interrupted stopped after step {last}" in text


def test_an_unknown_job_is_answered_with_the_known_ones(standing: Standing) -> None:
    with pytest.raises(CommandError, match="next: make jobs"):
        jobs.stop(standing, "nope")


def test_without_a_cluster_the_answer_is_make_up(states: Path) -> None:
    with pytest.raises(CommandError, match=r"make up CLUSTER=cluster/other\.yaml"):
        cluster.find(PAGE, name="other", states=states)


def test_ctrl_c_on_a_private_ray_saves_and_takes_everything_down(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "tests.launch.standin", str(folder), "2", "5000", "0"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    launched = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: launched.poll() is not None or any(read_lines(folder / "metrics.jsonl")))
    here = processes.identify(launched.pid)
    assert here is not None
    family = processes.with_descendants([here])
    assert len(family) > 5
    launched.send_signal(signal.SIGINT)
    out, err = launched.communicate(timeout=60)
    assert launched.returncode == 130, out + err
    assert "interrupted stopped after step" in out
    assert err == ""
    assert not processes.wait_gone(family, 10)
