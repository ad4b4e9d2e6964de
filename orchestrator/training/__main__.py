"""The worker without Ray, for debugging on a bare machine:

    torchrun --nproc-per-node 2 -m orchestrator.training RUNS/RUN

The run's folder must exist: `orchestrate train --until 1` makes one anywhere. One thread per rank unless
OMP_NUM_THREADS says otherwise. SIGTERM asks for a checkpoint and a stop after the current step.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from torch import distributed

from orchestrator.spec import ClusterSpec
from orchestrator.training.rundir import RunDir
from orchestrator.training.worker import train


def main(arguments: list[str]) -> int:
    """Trains the run folder named by the first argument on torchrun's ranks; returns the exit code."""
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    run = RunDir(Path(arguments[0]))
    hardware = ClusterSpec.model_validate_json(run.hardware.read_text("utf-8"))
    if "RANK" in os.environ:
        distributed.init_process_group("gloo" if hardware.node.accelerator == "cpu" else "nccl")
    result = train(arguments[0], local_rank=int(os.environ.get("LOCAL_RANK", "0")), stop_asked=asked.is_set)
    if result["message"]:
        print(result["message"], file=sys.stderr)
    if distributed.is_initialized():
        if result["exit_code"] in (0, 130):
            distributed.barrier()
        distributed.destroy_process_group()
    return int(result["exit_code"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
