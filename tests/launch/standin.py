"""A training function in small: two collectives per step (with RING=1 a token from rank to rank, as a pipeline
passes its activations on), a checkpoint every five, RUN/stop obeyed.

Also a job's entry point: `python -m tests.launch.standin RUN_DIR WORLD_SIZE STEPS SAVE_S`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from orchestrator.errors import DataError
from orchestrator.launch.job import TrainJob, run


def train(run_dir: str, *, local_rank: int, node: str) -> dict[str, Any]:
    """STEPS steps of STEP_S seconds; the last checkpoint takes SAVE_S; FATAL=1 makes rank 1 meet an error of ours at step 3."""
    import torch
    import torch.distributed as dist

    folder, rank = Path(run_dir), dist.get_rank()
    checkpoint = folder / "checkpoint.json"
    first = 1 + (json.loads(checkpoint.read_text())["step"] if checkpoint.exists() else 0)
    print(f"starting at step {first}", flush=True)
    (folder / f"pid-{rank}").write_text(str(os.getpid()))
    (folder / f"node-{rank}").write_text(node)
    ring = bool(os.environ.get("RING"))
    for step in range(first, int(os.environ["STEPS"]) + 1):
        if os.environ.get("FATAL") and rank == 1 and step == 3:
            raise DataError("shard 7 is damaged; next: make data")
        asked = torch.tensor(float((folder / "stop").exists()))
        pass_on(asked) if ring else dist.all_reduce(asked)
        time.sleep(float(os.environ["STEP_S"]))
        if rank == 0:
            _log(folder, step)
            if asked or step % 5 == 0:
                checkpoint.write_text(json.dumps({"step": step}))
        if not ring:
            dist.barrier()
        if asked:
            time.sleep(float(os.environ.get("SAVE_S", "0")))
            return {"outcome": "interrupted", "message": f"stopped after step {step}", "exit_code": 130}
    return {"outcome": "finished", "message": "", "exit_code": 0}


def pass_on(token: Any) -> None:
    """Rank 0's token through all ranks and back; each waits for the rank before it and for no other."""
    import torch.distributed as dist

    rank, size = dist.get_rank(), dist.get_world_size()
    if rank > 0:
        dist.recv(token, rank - 1)
    dist.send(token, (rank + 1) % size)
    if rank == 0:
        dist.recv(token, size - 1)


def _log(folder: Path, step: int) -> None:
    record = {
        "step": step, "tokens": 100 * step, "loss": 5.0 / step, "grad_norm": 0.5, "lr": 1e-3, "step_time_s": 0.1,
        "tokens_per_s": 1000.0, "mfu": 0.25, "attempt": 1,
    }  # fmt: skip
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(record) + "\n")


def job(
    run_dir: Path, *, world_size: int, steps: int, step_s: float = 0.1, together: int = 1, **environment: str
) -> TrainJob:
    return TrainJob(
        run_dir=run_dir,
        world_size=world_size,
        each={"device": 1},
        together=together,
        max_restarts=2,
        environment={"STEPS": str(steps), "STEP_S": str(step_s), **environment},
        function="tests.launch.standin:train",
    )


if __name__ == "__main__":
    result = run(
        job(Path(sys.argv[1]), world_size=int(sys.argv[2]), steps=int(sys.argv[3]), SAVE_S=sys.argv[4]),
        address=os.environ.get("RAY_ADDRESS"),
        say=lambda text: print(text, flush=True),
    )
    print(result.outcome, result.message, flush=True)
    sys.exit(result.exit_code)
