"""The worker without Ray, for debugging on a bare machine:

    torchrun --nproc-per-node 2 -m orchestrator.training RUNS/RUN

The run's folder must exist: `orchestrate train --until 1` makes one anywhere. One thread per rank unless
OMP_NUM_THREADS says otherwise. SIGTERM asks for a checkpoint and a stop after the current step.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from torch import distributed

from orchestrator.planning import make_plan
from orchestrator.spec import ClusterSpec, load_run
from orchestrator.training.rundir import RunDir
from orchestrator.training.views.progress import ProgressView
from orchestrator.training.worker import train


@contextlib.contextmanager
def _shown(run: RunDir) -> Iterator[None]:
    """The run in the terminal, as long as it lasts."""
    spec = load_run(run.resolved).spec
    cluster = ClusterSpec.model_validate_json(run.hardware.read_text("utf-8"))
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    view = ProgressView(run, make_plan(spec, cluster, world_size).total_steps, Console())
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


def main(arguments: list[str]) -> int:
    """Trains the run folder named by the first argument on torchrun's ranks; returns the exit code."""
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    run = RunDir(Path(arguments[0]))
    hardware = ClusterSpec.model_validate_json(run.hardware.read_text("utf-8"))
    if "RANK" in os.environ:
        distributed.init_process_group("gloo" if hardware.node.accelerator == "cpu" else "nccl")
    with _shown(run) if os.environ.get("RANK", "0") == "0" else contextlib.nullcontext():
        # Several of torchrun's nodes may be one machine; GROUP_RANK tells them apart.
        node = f"{socket.gethostname()} (node {os.environ.get('GROUP_RANK', '0')})"
        local_rank = int(os.environ.get("LOCAL_RANK", "0"))
        result = train(arguments[0], local_rank=local_rank, node=node, stop_asked=asked.is_set)
    if result["message"]:
        print(result["message"], file=sys.stderr)
    if distributed.is_initialized():
        if result["exit_code"] in (0, 130):
            distributed.barrier()
        distributed.destroy_process_group()
    return int(result["exit_code"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
