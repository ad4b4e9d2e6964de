"""The worker without Ray, for debugging on a bare machine:

    torchrun --nproc-per-node 2 -m orchestrator.training RUNS/RUN [--until STEP]

The run's folder must exist: `orchestrate train --until 1` makes one anywhere. It goes on to the end, or to
STEP. One thread per rank unless OMP_NUM_THREADS says otherwise. SIGTERM asks for a checkpoint and a stop after
the current step.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from torch import distributed

from data_pipeline.stored.orders import stages_said
from data_pipeline.stored.storage import open_data
from data_pipeline.work.parents import live_with
from orchestrator.errors import CommandError, OrchestratorError
from orchestrator.planning import Plan, make_plan
from orchestrator.planning.data import lengths_of
from orchestrator.spec import ClusterSpec, load_run
from orchestrator.training.rundir import RunDir
from orchestrator.training.views.progress import ProgressView
from orchestrator.training.worker import train


def main(arguments: list[str]) -> int:
    """Trains a run's folder on torchrun's ranks; returns the exit code."""
    parser = argparse.ArgumentParser(prog="orchestrator.training", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--until", type=int, help="stop with a checkpoint after this step")
    options = parser.parse_args(arguments)
    run, leads = RunDir(options.run), os.environ.get("RANK", "0") == "0"
    try:
        plan = _plan(run)
    except OrchestratorError as error:
        print(f"error: {error}", file=sys.stderr)  # on every rank: torchrun ends the others as soon as one has ended
        return error.exit_code
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    if "RANK" in os.environ:
        live_with(os.getppid())  # torchrun that is killed leaves its workers alone
        distributed.init_process_group("gloo" if plan.device == "cpu" else "nccl")
    with _shown(run, plan.total_steps) if leads else contextlib.nullcontext():
        result = train(
            str(run.path), local_rank=int(os.environ.get("LOCAL_RANK", "0")), node=_node(),
            until=options.until or plan.total_steps, stop_asked=asked.is_set,
        )  # fmt: skip
    if leads:
        ended = f"error: {result['message']}" if result["message"] else f"{result['outcome']:<10} step {result['step']:,}"
        print(ended, file=sys.stderr)
    if distributed.is_initialized():
        if result["exit_code"] in (0, 130):
            distributed.barrier()
        distributed.destroy_process_group()
    return int(result["exit_code"])


def _plan(run: RunDir) -> Plan:
    """The plan for torchrun's ranks. Every rank makes it before they meet, so that a mistake ends all of them."""
    if not run.hardware.exists():
        raise CommandError(f"{run.path} holds no run that was started\n  next: orchestrate train --run {run.name} --until 1")
    spec = load_run(run.resolved).spec
    cluster = ClusterSpec.model_validate_json(run.hardware.read_text("utf-8"))
    prepared, _ = open_data(json.loads(run.execution.read_text("utf-8"))["data"], live=spec.data.live, capacity=spec.data.cache)
    lengths = lengths_of(stages_said(prepared), spec)
    return make_plan(spec, cluster, int(os.environ.get("WORLD_SIZE", "1")), lengths)


def _node() -> str:
    """This process's node. Several of torchrun's nodes may be one machine; GROUP_RANK tells them apart."""
    return f"{socket.gethostname()} (node {os.environ.get('GROUP_RANK', '0')})"


@contextlib.contextmanager
def _shown(run: RunDir, total_steps: int) -> Iterator[None]:
    """The run in the terminal, as long as it lasts."""
    view = ProgressView(run, total_steps, Console())
    over = threading.Event()

    def follow() -> None:
        while not over.wait(0.2):
            view.poll()
        view.close()

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
