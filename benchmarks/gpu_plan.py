"""Does the planner know a GPU after calibration? LLaMA 1B at five settings, planned, then trained: `make bench-gpu_plan`.

    torchrun --nproc-per-node N -m benchmarks.gpu_plan        on N GPUs of one machine; without torchrun, on one

First the devices are probed as `make calibrate` does, without Ray. Each setting is planned on what was found and trained
for some steps in processes of its own (benchmarks/gpu.py's). The limits, each a mean over the settings of the absolute
relative error: 8 % of step time, 8 % of peak memory. On a machine without a GPU it says so, and ends with 0.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.gpu import TORCHRUN, Layout, Measured, Work, in_own_process
from orchestrator.errors import OrchestratorError
from orchestrator.planning import Plan, make_plan
from orchestrator.planning.memory import Memory
from orchestrator.spec import ClusterSpec, load_cluster, load_run

LIMIT = 0.08
SPEC = "model_specs/llama/1b.yaml"
STEPS = 12


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What differs between the five."""

    engine: str
    sequences: int
    micro_batch: int
    sequence_length: int
    zero: int = 0


SETTINGS = (
    Setting(engine="megatron", sequences=8, micro_batch=4, sequence_length=2048),
    Setting(engine="megatron", sequences=8, micro_batch=1, sequence_length=2048),
    Setting(engine="megatron", sequences=4, micro_batch=1, sequence_length=4096),
    Setting(engine="deepspeed", sequences=8, micro_batch=2, sequence_length=2048, zero=1),
    Setting(engine="deepspeed", sequences=8, micro_batch=2, sequence_length=1024, zero=3),
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One setting: seconds of a step, and bytes that torch's allocator reserved."""

    setting: Setting
    step_s: float
    memory: float
    measured: Measured

    @property
    def time_error(self) -> float:
        return self.step_s / self.measured.step_s - 1

    @property
    def memory_error(self) -> float:
        return self.memory / (self.measured.reserved or 1) - 1


def reserved(memory: Memory) -> int:
    """What torch's allocator holds of a plan's memory: all but the context and what communicates."""
    return memory.total - memory.framework


def plan_of(setting: Setting, cluster: ClusterSpec, world_size: int) -> Plan:
    said = [
        f"training.steps={STEPS}", f"training.batch.sequences={setting.sequences * world_size}", "training.precision=bf16",
        f"data.sequence_length={setting.sequence_length}", f"parallelism.engine={setting.engine}",
        f"parallelism.data={world_size}", f"parallelism.micro_batch={setting.micro_batch}", f"parallelism.zero={setting.zero}",
    ]  # fmt: skip
    return make_plan(load_run(SPEC, said).spec, cluster, world_size)


def trained(setting: Setting, number: int, world_size: int) -> Measured | None:
    """On every rank; what was measured comes back on rank 0."""
    work = Work(
        spec=SPEC, precision="bf16", steps=STEPS, sequences=setting.sequences * world_size, micro_batch=setting.micro_batch,
        sequence_length=setting.sequence_length, device="cuda",
    )  # fmt: skip
    return in_own_process(work, Layout(engine=setting.engine, data=world_size, zero=setting.zero), number)


def calibrated(folder: Path, world_size: int) -> ClusterSpec:
    """A page of this machine's GPUs, probed; only the process that leads asks, for all of them."""
    page = folder / "cluster.yaml"
    page.write_text(f"nodes: 1\nnode: {{accelerator: local, count: {world_size}}}\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(TORCHRUN)}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(world_size)]
    subprocess.run([*command, "-m", "orchestrator.probes", "--cluster", str(page)], check=True, env=environment)
    from orchestrator.launch.ground import ground
    from orchestrator.launch.machine import this_machine

    return ground(load_cluster(page).spec, this_machine())


def judge(rows: Sequence[Row]) -> bool:
    """Prints the table and the verdict; whether the limits hold."""
    for row in rows:
        memory = f"{row.memory / 2**30:6.1f} planned {(row.measured.reserved or 0) / 2**30:6.1f} GiB {row.memory_error:+7.1%}"
        timed = f"{row.step_s * 1e3:8.0f} planned {row.measured.step_s * 1e3:8.0f} ms {row.time_error:+7.1%}"
        print(f"{json.dumps(row.setting.__dict__)}\n  {memory}   {timed}")
    time = sum(abs(row.time_error) for row in rows) / len(rows)
    memory_mean = sum(abs(row.memory_error) for row in rows) / len(rows)
    print(f"step time {time:.1%}, peak memory {memory_mean:.1%} (limits {LIMIT:.0%})")
    return time <= LIMIT and memory_mean <= LIMIT


def main(arguments: Sequence[str] | None = None) -> int:
    """Probes, plans, trains and compares; exit code 1 where a limit is missed."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args(arguments)
    import torch

    if not torch.cuda.is_available():
        print(f"no CUDA device: nothing was measured (torch {torch.__version__}, built for CUDA {torch.version.cuda or 'none'}).")
        return 0
    world_size, leads = int(os.environ.get("WORLD_SIZE", "1")), os.environ.get("RANK", "0") == "0"
    with tempfile.TemporaryDirectory(prefix="gpu-plan-") as folder:
        # The others wait for rank 0 in the first setting's rendezvous: the GPUs are probed while they hold nothing on them.
        cluster = calibrated(Path(folder), world_size) if leads else None
    found = [trained(setting, number, world_size) for number, setting in enumerate(SETTINGS)]
    if cluster is None:
        return 0
    rows = []
    for setting, measured in zip(SETTINGS, found, strict=True):
        assert measured is not None
        plan = plan_of(setting, cluster, world_size)
        rows.append(Row(setting=setting, step_s=plan.time.step_s, memory=max(map(reserved, plan.stage_memory)), measured=replace(measured)))
    return 0 if judge(rows) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OrchestratorError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
