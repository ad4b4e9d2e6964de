"""Does the planner know this machine after `make calibrate`? Ten layouts planned, then trained: `make bench-cpu_plan`.

First this machine is probed, as `make calibrate` does, into a page of its own (or CALIBRATED pages are taken: `--cluster`).
Then ten layouts of the nano pages are planned on that page, and trained in processes of their own. Nothing of what is
measured in a run is fed back. The limits:

    memory   of rank 0, predicted within 15 % of its peak resident memory (metrics.jsonl), for every layout
    order    of step times, predicted right for at least 90 % of the pairs that differ by more than 10 %

The layouts are trained one after the other, and all of them again (`--repeats`), so that what else a machine does falls
on all of them; like the probes, the bench keeps the lower quartile of steps, and of repetitions the quicker, since
others only ever add to a time.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cpu_runs import CASES, Case, Measured, measured, plan_of, start
from data_pipeline.mixture import load_mixture
from data_pipeline.prepare import prepare
from orchestrator.launch.calibrate import CROWD
from orchestrator.launch.machine import this_machine

MEMORY_LIMIT = 0.15
ORDER_LIMIT = 0.9
APART = 0.1
"""Pairs of step times that differ by less are not asked about."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One layout: bytes of rank 0 and seconds of a step."""

    case: Case
    memory: float
    step_s: float
    measured: Measured

    @property
    def memory_error(self) -> float:
        return self.memory / self.measured.memory - 1

    @property
    def time_error(self) -> float:
        return self.step_s / self.measured.step_s - 1


def calibrated(folder: Path, page: Path) -> Path:
    """The page with this machine's calibration, by the probes under torchrun: as the layouts are started."""
    found = folder / "calibrated.yaml"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(CROWD * this_machine().cores)]
    done = subprocess.run(
        [*command, "-m", "orchestrator.probes", "--cluster", str(page), "--out", str(found)], check=False, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}, stderr=subprocess.PIPE,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"the probes failed with exit code {done.returncode}:\n{done.stderr[-4000:]}")
    return found


def planned(case: Case, page: Path, steps: int, found: Measured) -> Row:
    plan = plan_of(case, page, steps)
    return Row(case=case, memory=plan.stage_memory[0].total, step_s=plan.time.step_s, measured=found)


def pairs(rows: Sequence[Row]) -> tuple[int, int, list[tuple[Row, Row]]]:
    """(right, all, the wrong ones) of pairs that differ measurably."""
    apart = [
        (one, other) for one, other in itertools.combinations(rows, 2)
        if abs(one.measured.step_s - other.measured.step_s) > APART * min(one.measured.step_s, other.measured.step_s)
    ]  # fmt: skip
    wrong = [(one, other) for one, other in apart if (one.step_s < other.step_s) != (one.measured.step_s < other.measured.step_s)]
    return len(apart) - len(wrong), len(apart), wrong


def table(rows: Sequence[Row]) -> str:
    lines = [f"{'layout':<58}{'memory MB':>20}{'':>8}{'step ms':>18}", f"{'':<58}{'planned':>10}{'measured':>10}{'':>8}{'planned':>9}{'measured':>9}"]
    for row in rows:
        memory = f"{row.memory / 1e6:10.0f}{row.measured.memory / 1e6:10.0f}{row.memory_error:+8.1%}"
        lines.append(f"{row.case!s:<58}{memory}{row.step_s * 1e3:9.0f}{row.measured.step_s * 1e3:9.0f}{row.time_error:+8.1%}")
    return "\n".join(lines)


def judge(rows: Sequence[Row]) -> bool:
    """Prints the table and the verdict; whether the limits hold."""
    right, asked, wrong = pairs(rows)
    print(table(rows))
    for one, other in wrong:
        print(f"wrong order: {one.case} and {other.case}")
    worst = max(abs(row.memory_error) for row in rows)
    mean = sum(abs(row.time_error) for row in rows) / len(rows)
    print(f"memory: worst {worst:.1%} (limit {MEMORY_LIMIT:.0%}); step time: mean {mean:.1%}; order right for {right} of {asked} pairs", end="")
    print(f" ({right / max(1, asked):.0%}; limit {ORDER_LIMIT:.0%})")
    return worst <= MEMORY_LIMIT and right >= ORDER_LIMIT * asked


def trained(page: Path, folder: Path, data: Path, steps: int, repeats: int) -> Mapping[Case, Measured]:
    """All layouts in turn, `repeats` times."""
    runs: dict[Case, list] = {case: [] for case in CASES}
    for turn in range(repeats):
        for number, case in enumerate(CASES):
            runs[case].append(start(case, f"layout-{number}-{turn}", page=page, runs=folder / "runs", data=data, steps=steps))
            print(f"trained    {case}", file=sys.stderr, flush=True)
    return {case: measured(each) for case, each in runs.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Probes, plans, trains and compares; exit code 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cluster", type=Path, help="a page that is calibrated already; by default this machine is probed")
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="cpu-plan-") as name:
        folder = Path(name)
        data = prepare(load_mixture("python"), folder / "data").folder
        page = options.cluster or calibrated(folder, Path("cluster/laptop.yaml"))
        found = trained(page, folder, data, options.steps, options.repeats)
        rows = [planned(case, page, options.steps, found[case]) for case in CASES]
        return 0 if judge(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
