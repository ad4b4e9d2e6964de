"""A standing Ray cluster from a cluster page: started once, used by many runs, taken down whole.

`ray stop` ends every Ray on a machine, other people's too. Here each cluster has a temporary folder of its
own that all its processes bear in their command lines; `down` ends those and their descendants, and says
so only when they are gone. Each node of the page is a raylet on a loopback address of its own (127.0.0.2,
127.0.0.3, …), so that Ray sees as many nodes as the page has, on one machine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.errors import CommandError, PlacementError
from orchestrator.launch import processes
from orchestrator.launch.inventory import node_resources
from orchestrator.launch.machine import this_machine
from orchestrator.launch.processes import Process
from orchestrator.launch.session import (
    LOOPBACK,
    OBJECT_STORE,
    free_port,
    is_free,
    short_temp_folder,
    use_token,
)
from orchestrator.spec.cluster import ClusterSpec

STATES = Path(".clusters")
STOP_WAIT_S = 300  # how long a stopped job may take to save its checkpoint before Ray kills it
GRACE_S = 5.0
MOST_NODES = 64
TRIES = 2  # a raylet that has not registered after 30 s is given up by Ray; on a busy machine it is only slow

Printer = Callable[[str], None]

RAYLET_ENVIRONMENT: Mapping[str, str] = {
    "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_WAIT_S),
    "RAY_process_group_cleanup_enabled": "1",  # a dead worker's children go with it (ray-project/ray#31451)
    "RAY_enable_worker_prestart": "0",
    "RAY_metrics_report_interval_ms": "2000",
}


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A cluster that can be submitted to. `metrics`: one address per node. `temp` is empty for a remote one."""

    name: str
    address: str
    dashboard: str
    metrics: tuple[str, ...] = ()
    temp: str = ""
    processes: tuple[Process, ...] = ()

    @property
    def alive(self) -> bool:
        return any(process.alive for process in self.processes)


def up(cluster: ClusterSpec, *, name: str, states: Path = STATES, say: Printer = print) -> Standing:
    """Start the nodes of the page on this machine. One that stands already is returned as it is."""
    if cluster.ray.address:
        raise CommandError(
            f"cluster {name} is reached at {cluster.ray.address} (ray.address): it is not started from here\n"
            "  next: make submit, or see cluster/templates for starting Ray on it"
        )
    standing = _load(states / f"{name}.json")
    if standing and standing.alive:
        say(f"cluster    {name} is up already: dashboard {standing.dashboard}")
        return standing
    if standing:
        say(f"cluster    {name} was up before and has died; cleaning up after it")
        _remove(standing, states)
    resources = _declared(cluster, name)
    if use_token():
        _make_token()
    temp = short_temp_folder()
    try:
        started = _start(cluster, name, resources, temp, say)
    except BaseException:
        processes.end_all_mentioning(str(temp), grace_s=GRACE_S)
        shutil.rmtree(temp, ignore_errors=True)
        raise
    _save(started, states)
    return started


def down(name: str, *, states: Path = STATES, say: Printer = print) -> None:
    """End the cluster's processes, those it has started since included, and verify that they are gone."""
    standing = _load(states / f"{name}.json")
    if standing is None:
        raise CommandError(f"cluster {name} is not up{_others(states)}\n  next: make up CLUSTER=cluster/{name}.yaml")
    survivors = _remove(standing, states)
    if survivors:
        pids = ", ".join(str(process.pid) for process in sorted(survivors))
        raise CommandError(f"cluster {name}: processes {pids} do not end, even on SIGKILL\n  next: look at them with ps")
    say(f"cluster    {name} is down")


def find(cluster: ClusterSpec, *, name: str, states: Path = STATES) -> Standing:
    """The standing cluster of a page, remote or started here. CommandError where there is none."""
    if cluster.ray.address:
        return Standing(name=name, address=cluster.ray.address, dashboard=_dashboard_of(cluster))
    standing = _load(states / f"{name}.json")
    if standing is None or not standing.alive:
        raise CommandError(f"no cluster {name} is up{_others(states)}\n  next: make up CLUSTER=cluster/{name}.yaml")
    return standing


def address_for(cluster: ClusterSpec, *, name: str, states: Path = STATES) -> str | None:
    """Where a run in the foreground attaches: the page's own address, or this cluster if it is up; else None."""
    if cluster.ray.address:
        return cluster.ray.address
    standing = _load(states / f"{name}.json")
    return standing.address if standing and standing.alive else None


def _declared(cluster: ClusterSpec, name: str) -> dict[str, float]:
    """Resources of one node. Only devices that this machine can stand for: CPU devices, or its own GPUs."""
    node, machine = cluster.node, this_machine()
    if node.accelerator not in ("cpu", "local"):
        raise PlacementError(
            f"cluster {name} is {cluster.nodes} x {node.count} {node.accelerator}; this machine cannot stand for it\n"
            "  next: start Ray on its nodes (cluster/templates) and give the page `ray: {address: HOST:PORT}`"
        )
    if cluster.nodes > MOST_NODES:
        raise PlacementError(f"cluster {name}: {cluster.nodes} raylets on one machine; at most {MOST_NODES}")
    return node_resources(machine, devices=node.count)


def _start(cluster: ClusterSpec, name: str, resources: Mapping[str, float], temp: Path, say: Printer) -> Standing:
    dashboard_port = cluster.ray.dashboard_port if is_free(cluster.ray.dashboard_port) else free_port()
    address = f"{_node_address(0)}:{free_port()}"
    head_port = address.rpartition(":")[2]
    metrics = []
    for index in range(cluster.nodes):
        port = free_port()
        metrics.append(f"http://{_node_address(index)}:{port}/metrics")
        where = [f"--address={address}"]
        if index == 0:
            where = ["--head", f"--port={head_port}", f"--dashboard-host={LOOPBACK}", f"--dashboard-port={dashboard_port}"]
        _ray_start([*where, f"--metrics-export-port={port}", *_node_options(index, resources, temp)], temp / str(index))
        say(f"cluster    node {index + 1} of {cluster.nodes} at {_node_address(index)}: {_amounts(resources)}")
    return Standing(
        name=name,
        address=address,
        dashboard=f"http://{LOOPBACK}:{dashboard_port}",
        metrics=tuple(metrics),
        temp=str(temp),
        processes=tuple(sorted(processes.mentioning(str(temp)))),
    )


def _node_options(index: int, resources: Mapping[str, float], temp: Path) -> list[str]:
    """Each node has a temporary folder of its own: in a shared one, each node's agent unpacks a job's code
    anew over the copy in which the driver is already running."""
    custom = {name: amount for name, amount in resources.items() if name not in ("CPU", "GPU")}
    return [
        f"--node-ip-address={_node_address(index)}",
        f"--num-cpus={resources.get('CPU', 0):.0f}",
        f"--num-gpus={resources.get('GPU', 0):.0f}",
        f"--resources={json.dumps(custom)}",
        f"--object-store-memory={OBJECT_STORE}",
        "--dashboard-agent-listen-port=0",
        f"--temp-dir={temp / str(index)}",
        "--disable-usage-stats",
    ]


def _ray_start(options: list[str], temp: Path) -> None:
    """`ray start`, in a session of its own: neither Ctrl-C nor a closed terminal reaches the cluster."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    temp.mkdir()
    output = temp / "ray-start.log"
    for _ in range(TRIES):
        with output.open("ab") as file:
            status = subprocess.run(
                [sys.executable, "-m", "ray.scripts.scripts", "start", *options],
                env={**os.environ, **RAYLET_ENVIRONMENT, "PATH": path},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                check=False,
            ).returncode
        if status == 0:
            return
        processes.end_all_mentioning(f"{temp}/", grace_s=GRACE_S)
    tail = "\n    ".join(output.read_text(errors="replace").splitlines()[-8:])
    raise CommandError(f"`ray start` ended with {status}:\n    {tail}")


def _make_token() -> None:
    """The secret that Ray asks of its clients; made by Ray's own command, once per user, and never shown."""
    if "RAY_AUTH_TOKEN" in os.environ or "RAY_AUTH_TOKEN_PATH" in os.environ or (Path.home() / ".ray/auth_token").exists():
        return
    command = [sys.executable, "-m", "ray.scripts.scripts", "get-auth-token", "--generate"]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def _node_address(index: int) -> str:
    return f"127.0.0.{index + 2}"


def _dashboard_of(cluster: ClusterSpec) -> str:
    """A remote head serves its dashboard on the page's port of the same host."""
    host = str(cluster.ray.address).removeprefix("ray://").rpartition(":")[0]
    return f"http://{host}:{cluster.ray.dashboard_port}"


def _remove(standing: Standing, states: Path) -> set[Process]:
    """End all that belongs to it; forget it when all is gone."""
    family = processes.with_descendants(process for process in standing.processes if process.alive)
    survivors = processes.end_all_mentioning(standing.temp, more=family, grace_s=GRACE_S)
    if not survivors:
        shutil.rmtree(standing.temp, ignore_errors=True)
        (states / f"{standing.name}.json").unlink(missing_ok=True)
    return survivors


def _others(states: Path) -> str:
    names = [path.stem for path in sorted(states.glob("*.json")) if (found := _load(path)) and found.alive]
    return f" (up: {', '.join(names)})" if names else ""


def _save(standing: Standing, states: Path) -> None:
    states.mkdir(parents=True, exist_ok=True)
    (states / ".gitignore").write_text("*\n")
    (states / f"{standing.name}.json").write_text(json.dumps(asdict(standing), indent=1))


def _load(path: Path) -> Standing | None:
    if not path.exists():
        return None
    record = json.loads(path.read_text())
    return Standing(
        name=record["name"],
        address=record["address"],
        dashboard=record["dashboard"],
        metrics=tuple(record["metrics"]),
        temp=record["temp"],
        processes=tuple(Process(**process) for process in record["processes"]),
    )


def _amounts(resources: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {amount:g}" for name, amount in resources.items())
