"""How long a plan takes, python's own start included, on one core: `make bench-plan_speed`.

A check and a plan of a layout that is said must answer at once, and a search over 16,384 devices while one still looks at
the screen. Each command is a new process pinned to one core; its processor seconds count (user and system: what it would
take on a core of its own, whatever else the machine does), the least of a few runs. Exits 1 where a limit is missed.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOOM = "model_specs/bloom/176b.yaml"
OWN = "cluster/bloom-48xa100-80.yaml"
LARGEST = "nodes: 2048\nnode: {accelerator: H100, count: 8}\nnetwork: {bandwidth: 400GB}\n"
"""16,384 H100, eight 400 Gb/s ports per node."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command line of `orchestrate` and the seconds it may take; without a limit it is measured and no more."""

    name: str
    words: tuple[str, ...]
    limit_s: float | None


def commands(largest: Path) -> list[Command]:
    """What is measured. `largest`: a cluster page of 16,384 devices."""

    def plan(name: str, spec: str, cluster: str, limit_s: float | None, said: str = "") -> Command:
        return Command(name=name, words=("plan", "--spec", spec, "--cluster", cluster, "--set", said), limit_s=limit_s)

    whole = "parallelism=auto training.batch.ramp_up=null"
    return [
        Command(name="check", words=("check", "--spec", BLOOM), limit_s=1.0),
        plan("a layout that is said", BLOOM, OWN, 1.0),
        plan("searched on 384", BLOOM, OWN, 5.0, "parallelism=auto"),
        plan("searched on 16,384", BLOOM, str(largest), 5.0, "parallelism=auto"),
        plan("the same, no ramp-up", BLOOM, str(largest), 5.0, whole),
        plan("Mixtral 8x22B on 16,384", "model_specs/mixtral/8x22b.yaml", str(largest), None, whole),
    ]


def measured(command: Command) -> tuple[float, float]:
    """(processor seconds, seconds on the wall) of one run on one core."""
    core = min(os.sched_getaffinity(0))
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "orchestrator.cli", *command.words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )  # fmt: skip
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    missed = 0
    print(f"{'command':<26}{'processor':>12}{'wall':>9}{'limit':>9}")
    with tempfile.TemporaryDirectory() as folder:
        largest = Path(folder) / "largest.yaml"
        largest.write_text(LARGEST)
        for command in commands(largest):
            runs = [measured(command) for _ in range(options.runs)]
            spent, wall = min(run[0] for run in runs), min(run[1] for run in runs)
            over = command.limit_s is not None and spent > command.limit_s
            missed += over
            limit = f"{command.limit_s:.0f} s" if command.limit_s else "-"
            print(f"{command.name:<26}{spent:>10.2f} s{wall:>7.2f} s{limit:>9}{'   MISSED' if over else ''}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
