"""Ten layouts of the nano pages, trained on this machine's cores: what `benchmarks/cpu_plan.py` holds the planner against."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.launch.ground import ground
from orchestrator.launch.machine import this_machine
from orchestrator.planning import Plan, make_plan
from orchestrator.probes.clock import typical
from orchestrator.spec import ClusterSpec, load_cluster, load_run
from orchestrator.training.create import create_run, write_execution, write_hardware
from orchestrator.training.rundir import RunDir, read_lines

WARM_UP = 4
"""First steps left out: allocations, lazy initialisation, the first collective of each group."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One layout of a nano page, as overrides of its `parallelism`."""

    family: str
    engine: str
    workers: int
    said: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.family} {self.engine} x{self.workers} {' '.join(self.said)}"

    @property
    def page(self) -> str:
        return f"model_specs/{self.family}/nano.yaml"

    def overrides(self, steps: int) -> list[str]:
        layout = [f"parallelism.{name}={value}" for name, _, value in (word.partition("=") for word in self.said)]
        # What a run does beside steps is left out: it would fall between them.
        beside = ["training.validation=null", "training.sample=null", "tracking.wandb=null"]
        return [f"training.steps={steps}", f"parallelism.engine={self.engine}", *layout, *beside]


CASES = (
    Case(family="llama", engine="deepspeed", workers=1, said=("zero=0", "micro_batch=4")),
    Case(family="llama", engine="deepspeed", workers=2, said=("zero=1", "micro_batch=2")),
    Case(family="bloom", engine="deepspeed", workers=2, said=("zero=2", "micro_batch=1")),
    Case(family="gpt_neox", engine="deepspeed", workers=2, said=("zero=3", "micro_batch=2")),
    Case(family="llama", engine="deepspeed", workers=4, said=("zero=3", "micro_batch=1")),
    Case(family="llama", engine="megatron", workers=2, said=("tensor=2", "micro_batch=4")),
    Case(family="bloom", engine="megatron", workers=2, said=("pipeline=2", "micro_batch=1")),
    Case(family="llama", engine="megatron", workers=4, said=("tensor=2", "pipeline=2", "micro_batch=1")),
    Case(family="gpt_neox", engine="megatron", workers=2, said=("data=2", "zero=1", "micro_batch=1")),
    Case(family="mixtral", engine="megatron", workers=2, said=("data=2", "expert=2", "micro_batch=2")),
)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Of rank 0: typical seconds per step after the warm-up, and peak resident bytes."""

    step_s: float
    memory: float


def cluster_of(case: Case, page: Path) -> ClusterSpec:
    """The page on this machine, with one worker for each rank of the case."""
    said = load_cluster(page).spec
    return ground(said.model_copy(update={"node": said.node.model_copy(update={"count": case.workers})}), this_machine())


def plan_of(case: Case, page: Path, steps: int) -> Plan:
    return make_plan(load_run(case.page, case.overrides(steps)).spec, cluster_of(case, page), case.workers)


def start(case: Case, name: str, *, page: Path, runs: Path, data: Path, steps: int) -> RunDir:
    """Trains a case to its end under torchrun, in processes of its own; SystemExit where it fails."""
    loaded = load_run(case.page, case.overrides(steps))
    run = create_run(runs, name, loaded, load_cluster(page))
    write_hardware(run, cluster_of(case, page))
    write_execution(run, data=data, overrides=case.overrides(steps), until=None, accepted=())
    threads = str(max(1, this_machine().cores // case.workers))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(case.workers)]
    done = subprocess.run(
        [*command, "-m", "orchestrator.training", str(run.path)], check=False, capture_output=True, text=True,
        env={**os.environ, "OMP_NUM_THREADS": threads, "GLOO_SOCKET_IFNAME": "lo"},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{case} failed with exit code {done.returncode}:\n{done.stderr[-4000:]}")
    return run


def measured(runs: Sequence[RunDir]) -> Measured:
    """Of all repetitions of a case: the one that the machine disturbed least, as others only ever add to a time."""
    records = [list(read_lines(run.metrics)) for run in runs]
    seconds = [typical(record["step_time_s"] for record in each[WARM_UP:]) for each in records]
    return Measured(step_s=min(seconds), memory=statistics.median(each[-1]["memory_gb"] for each in records) * 1e9)
