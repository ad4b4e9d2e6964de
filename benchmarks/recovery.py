"""kill -9 of a random worker at a random step, several runs: `make bench-recovery`.

Each run must end by itself with exit code 0, with the losses of an undisturbed run to the last bit, each
step once in metrics.jsonl and in W&B, and every sample once in the ledger.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from orchestrator.training.rundir import RunDir, last_line, read_lines
from orchestrator.training.views.wandb_file import history

SMALL = (
    "model.layers=2 model.hidden_size=64 model.ffn_size=160 data.sequence_length=64 training.steps={steps}"
    " training.validation=null training.sample=null checkpoint.every=8"
)


def command(folder: Path, name: str, steps: int) -> list[str]:
    return [
        sys.executable, "-m", "orchestrator.cli", "train", "--runs", str(folder), "--data", "data", "--run", name,
        "--set", SMALL.format(steps=steps),
    ]  # fmt: skip


def worker_pid(run: RunDir, rank: int) -> int | None:
    """The process whose standard output is the newest log of this rank."""
    logs = sorted(run.logs.glob(f"attempt-*/rank-{rank}.log"))
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and logs:
            try:
                target = (entry / "fd" / "1").readlink()
            except OSError:
                continue
            if target == logs[-1]:
                return int(entry.name)
    return None


def losses(run: RunDir) -> list[tuple[int, float]]:
    return [(record["step"], record["loss"]) for record in read_lines(run.metrics)]


def disturbed(folder: Path, seed: int, steps: int, ranks: int) -> tuple[RunDir, int, str]:
    """One run with one kill; the run, its exit code, and what was done to it."""
    chance = random.Random(seed)
    step, rank = chance.randrange(2, steps - 2), chance.randrange(ranks)
    run = RunDir(folder / f"kill-{seed}")
    with (folder / f"kill-{seed}.out").open("w") as out:
        process = subprocess.Popen(command(folder, run.name, steps), stdout=out, stderr=out)
        while process.poll() is None:
            last = last_line(run.metrics)
            pid = worker_pid(run, rank) if last and last["step"] >= step else None
            if pid:
                os.kill(pid, signal.SIGKILL)
                return run, process.wait(), f"rank {rank} after step {last['step']}"
            time.sleep(0.01)
    return run, process.wait(), "never"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="recovery-") as name:
        folder = Path(name)
        subprocess.run(command(folder, "straight", options.steps), check=True, stdout=subprocess.DEVNULL)
        straight = RunDir(folder / "straight")
        samples = [row[0] for line in read_lines(straight.ledger) for row in line["samples"]]
        print("seed  killed                  exit  attempts  losses equal  steps once  ledger whole  W&B steps once")
        for seed in range(options.runs):
            run, code, what = disturbed(folder, seed, options.steps, 2)
            steps = list(range(1, options.steps + 1))
            logged = sorted(step for path in run.path.glob("wandb/*run-*/run-*.wandb") for step, _ in history(path))
            attempts = sum(event["event"] in ("started", "restarted") for event in read_lines(run.events))
            verdicts = {
                "exit": code == 0,
                "killed": what != "never" and attempts > 1,
                "losses": losses(run) == losses(straight),
                "once": [step for step, _ in losses(run)] == steps,
                "ledger": [row[0] for line in read_lines(run.ledger) for row in line["samples"]] == samples,
                "wandb": logged == steps,
            }
            bad += not all(verdicts.values())
            shown = [str(verdicts[key]) for key in ("losses", "once", "ledger", "wandb")]
            print(f"{seed:<6}{what:<24}{code:<6}{attempts:<10}{shown[0]:<14}{shown[1]:<12}{shown[2]:<14}{shown[3]}", flush=True)
            if not all(verdicts.values()):
                print((folder / f"kill-{seed}.out").read_text()[-3000:])
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
