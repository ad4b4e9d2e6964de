"""`make calibrate`: from a cluster page to the same page with what was measured on it, or fitted to published rows.

The probes run in a gang that Ray places as it places a run's, so that what is measured is what a run gets: other
workers at work beside, Ray's own process around. On a bare machine torchrun starts the same probes.
"""

from __future__ import annotations

import argparse
import math
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from orchestrator.errors import CommandError, OrchestratorError, RunError
from orchestrator.launch.ground import ground
from orchestrator.launch.machine import Machine, this_machine
from orchestrator.planning.calibration import CPU, Calibration
from orchestrator.planning.devices import accelerator_of
from orchestrator.planning.hardware import hardware_of
from orchestrator.probes.constants import constants
from orchestrator.probes.findings import Findings, findings_from
from orchestrator.probes.page import section, write_calibration
from orchestrator.spec import ClusterSpec, LoadedCluster, load_cluster

Say = Callable[[str], None]
CROWD = 2
"""Workers to a core in the probes of a local CPU: a run may ask for more than there are cores, and they take turns."""
FEW = 3
"""Rows below which a fit says of itself that it is little better than the defaults: it moves one constant for another."""
PROBE = "orchestrator.training.probing:probe"


def calibrate(
    page: Path, *, out: Path | None, runs: Path, address: str | None, rows: Path | None, ids: Sequence[str], say: Say
) -> int:
    """Measures, or fits to published rows, and writes the page; returns the exit code."""
    cluster = load_cluster(page)
    if rows is None and ids:
        raise CommandError("IDS names published rows, and no ROWS says in which file\n  fix: add ROWS=file.csv")
    if rows is not None:
        said = from_rows(rows, ids)
    else:
        grounded = gang_of(cluster.spec, this_machine())
        found = in_gang(grounded, cluster, runs=runs, address=address, say=say)
        said = said_of(found, grounded, this_machine())
    _write(page, out, said, say)
    return 0


def gang_of(cluster: ClusterSpec, machine: Machine) -> ClusterSpec:
    """The grounded page whose devices are probed: all of it; of a local CPU more workers than cores, where memory holds them."""
    local = cluster.node.accelerator == "local" and not machine.gpus
    if not local or cluster.node.count is not None:
        return ground(cluster, machine)
    return ground(cluster, machine, wants=min(CROWD * machine.cores, max(machine.cores, machine.memory // CPU.framework_bytes)))


def in_gang(grounded: ClusterSpec, cluster: LoadedCluster, *, runs: Path, address: str | None, say: Say) -> Findings:
    """The probes as a training function of a gang that Ray places."""
    from orchestrator.launch.cluster import address_for
    from orchestrator.launch.inventory import DEVICE, node_resources
    from orchestrator.launch.job import TrainJob
    from orchestrator.launch.job import run as run_job
    from orchestrator.launch.jobs import code_of
    from orchestrator.training.create import write_hardware
    from orchestrator.training.rundir import RunDir

    cuda = grounded.node.accelerator != "cpu"
    world = (grounded.node.count or 1) * grounded.nodes
    run = RunDir((runs / f"calibrate-{cluster.name}-{time.strftime('%Y%m%d-%H%M%S')}").absolute())
    run.path.mkdir(parents=True)
    write_hardware(run, grounded)
    say(f"probing    {world} x {grounded.node.accelerator}; takes some minutes; logs in {run.path}")
    standing = address or address_for(cluster.spec, name=cluster.name)
    result = run_job(
        TrainJob(
            run_dir=run.path, world_size=world, each={"GPU": 1.0} if cuda else {DEVICE: 1.0}, device="cuda" if cuda else "cpu",
            max_restarts=0, function=PROBE,
        ),
        address=standing, node=node_resources(this_machine(), devices=None if cuda else world),
        runtime_env=code_of() if standing not in (None, "auto") else None, say=say,
    )  # fmt: skip
    if result.returned is None or "findings" not in result.returned:
        raise RunError(f"the probes failed: {result.message}")
    return findings_from(result.returned["findings"])


def said_of(found: Findings, grounded: ClusterSpec, machine: Machine) -> dict[str, Any]:
    """The page's calibration, with what was measured where and when."""
    name = machine.cpu_name if found.device == "cpu" else found.name
    many = f"{grounded.nodes * (grounded.node.count or 1)} x {name}" if found.device == "cuda" else f"{machine.cores} cores of {name}"
    source = f"measured {time.strftime('%Y-%m-%d')} on {many}, {found.software}"
    return {**constants(found, hardware_of(grounded)), "source": source}


def from_rows(rows: Path, ids: Sequence[str]) -> dict[str, Any]:
    """The constants that a few published runs insist on, and how far they are off on the same cluster's other runs."""
    from orchestrator.planning.published import fit_memory, read_runs
    from orchestrator.planning.published.fit import AT_MOST, fitted
    from orchestrator.planning.published.held_out import errors_of, kinds_of

    if not rows.exists():
        raise CommandError(f"there is no file {rows}")
    readable, _ = read_runs(rows)
    known = {run.id: run for run in readable}
    missing = [each for each in ids if each not in known]
    if missing or not ids:
        some = ", ".join(list(known)[:8])
        what = f"has no usable rows {', '.join(missing)}" if missing else "has many rows: say which, as IDS=a,b,c"
        raise CommandError(f"{rows} {what}; some that it has: {some}")
    if len(ids) > AT_MOST:
        raise CommandError(f"{len(ids)} rows; at most {AT_MOST} are fitted to: a fit to more would no longer be a prediction of the rest")
    chosen = [known[each] for each in ids]
    clusters = sorted({run.cluster for run in chosen})
    if len(clusters) > 1:
        raise CommandError(f"the rows are of several clusters: {', '.join(clusters)}; a page is one")
    base = chosen[0].hardware.calibration
    held = fit_memory.fitted(chosen, base)
    best = replace(fitted(chosen), framework_bytes=held.framework_bytes, fragmentation=held.fragmentation)
    others = [run for run in readable if run.cluster == chosen[0].cluster and run.id not in ids]
    error = {name: round(value, 3) for name, value in errors_of(others, best).items()}
    source = f"fitted to rows {', '.join(ids)} of {rows.name}" + (f"; error on {len(others)} others" if error else "")
    if len(ids) < FEW:
        source += f"; {len(ids)} of them cannot tell one constant from another: the planner's defaults are as good"
    return as_said(best, base, source=source) | ({"error": error, "error_on": kinds_of(others)} if error else {})


def as_said(known: Calibration, base: Calibration, *, source: str) -> dict[str, Any]:
    """A calibration in a page's names and units: what differs from the defaults."""
    before = asdict(base)
    said: dict[str, Any] = {}
    for name, value in asdict(known).items():
        if name == "host" or math.isclose(value, before[name], rel_tol=1e-3):
            continue
        if name.endswith("_s") and name != "step_overhead_s":
            name, value = f"{name.removesuffix('_s')}_us", value * 1e6
        said[name] = int(value) if name == "framework_bytes" else float(f"{value:.4g}")
    return {**said, "source": source}


def _write(page: Path, out: Path | None, said: Mapping[str, Any], say: Say) -> None:
    write_calibration(page, said, out)
    say("\n".join(section(said)))
    say(f"written    {out or page}")


def under_torchrun(arguments: Sequence[str]) -> int:
    """`torchrun -m orchestrator.probes`: the same probes, no Ray; rank 0 writes the page."""
    import torch
    from torch import distributed

    from orchestrator.probes.ranks import ranks_here
    from orchestrator.training.probing import probed

    parser = argparse.ArgumentParser(prog="orchestrator.probes", description="Measures this machine for a cluster page, under torchrun.")
    parser.add_argument("--cluster", type=Path, required=True, metavar="PAGE")
    parser.add_argument("--out", type=Path, metavar="PAGE", help="write there; default: the page itself")
    options = parser.parse_args(arguments)
    rank, local = int(os.environ.get("RANK", "0")), int(os.environ.get("LOCAL_RANK", "0"))
    try:
        grounded = _as_started(load_cluster(options.cluster).spec)
        cuda = grounded.node.accelerator != "cpu"
        device = torch.device("cuda", local) if cuda else torch.device("cpu")
        if cuda:
            torch.cuda.set_device(device)
        if "RANK" in os.environ:
            distributed.init_process_group("nccl" if cuda else "gloo")
        torch.set_num_threads(1)
        found = probed(ranks_here(f"{socket.gethostname()} ({os.environ.get('GROUP_RANK', '0')})", device), grounded.node.cores)
        if rank == 0:
            _write(options.cluster, options.out, said_of(found, grounded, this_machine()), print)
        if distributed.is_initialized():
            distributed.barrier()
            distributed.destroy_process_group()
    except OrchestratorError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _as_started(cluster: ClusterSpec) -> ClusterSpec:
    """The page with as many devices as torchrun started: what it says of the hardware stays."""
    nodes, count = int(os.environ.get("GROUP_WORLD_SIZE", "1")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    grounded = ground(cluster.model_copy(update={"node": cluster.node.model_copy(update={"count": count})}), this_machine())
    node = grounded.node
    if node.accelerator not in ("cpu", "local"):
        node = node.model_copy(update={"accelerator": accelerator_of(node.accelerator)})
    return grounded.model_copy(update={"nodes": nodes, "node": node})
