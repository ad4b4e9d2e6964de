"""The probes in a gang's workers, and the two that need an engine: what its Python costs, and what a worker holds before a model.

An engine is asked in a process of its own and alone: models too small to compute, of two depths and two numbers of
micro-batches, tell its time apart into a step's, a micro-batch's and a block's.

    t(blocks, passes) = step + passes x (pass + blocks x block)
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from orchestrator.engines import make_engine
from orchestrator.engines.base import Device
from orchestrator.planning import make_plan
from orchestrator.probes.clock import typical
from orchestrator.probes.findings import Cost, Findings
from orchestrator.probes.footprint import resident, slack
from orchestrator.probes.measure import measure
from orchestrator.probes.ranks import Ranks, ranks_here
from orchestrator.registry import FAMILIES
from orchestrator.spec import ClusterSpec
from orchestrator.spec.load import run_spec_of
from orchestrator.training.rundir import RunDir

ENGINES = ("deepspeed", "megatron")
STAGES = {"deepspeed": (0, 1, 2, 3), "megatron": (0,)}
BLOCKS, PASSES = (2, 6), (1, 4)
STEPS, WARM_UP = 16, 4
TORCHRUN = ("RANK", "LOCAL_", "GROUP_", "ROLE_", "WORLD_SIZE", "MASTER_", "TORCHELASTIC_")
VOCABULARY, LENGTH = 512, 16
TINY = {"family": "llama", "hidden_size": 32, "heads": 2, "ffn_size": 64, "vocab_size": VOCABULARY, "max_positions": 64}


def probe(run_dir: str, *, local_rank: int = 0, node: str = "") -> dict[str, Any]:
    """All probes on this gang; collective. Returns what a training function returns, and the findings."""
    cluster = ClusterSpec.model_validate_json(RunDir(Path(run_dir)).hardware.read_text("utf-8"))
    found = probed(ranks_here(node, _device(cluster, local_rank)), cluster.node.cores)
    return {"outcome": "finished", "message": "", "exit_code": 0, "findings": found.as_dict()}


def _device(cluster: ClusterSpec, local_rank: int) -> torch.device:
    if cluster.node.accelerator == "cpu":
        return torch.device("cpu")
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)


def probed(ranks: Ranks, cores: int | None) -> Findings:
    """The probes of hardware, then those of engines."""
    if ranks.device.type == "cuda":
        found = measure(ranks, turns=1)
        # Every communicator that was measured has its buffers now, as a run's have.
        held = statistics.median(ranks.gathered(resident(ranks.device)))
        return replace(found, resident=int(held))
    bare = resident(ranks.device)
    found = measure(ranks, cores=cores)
    asked = _ask_engines() if ranks.rank < (cores or ranks.size) else None
    ranks.barrier()
    answers = [each for each in ranks.gathered(asked) if each]
    # A worker of a gang holds more than a bare process with torch: what started it.
    around = statistics.median(ranks.gathered(bare)) - statistics.median(each["bare"] for each in answers)
    held = statistics.mean(statistics.median(each["resident"][engine] for each in answers) for engine in ENGINES)
    slacks = statistics.median(each["slack"] for each in answers)
    return replace(found, resident=int(held + max(0.0, around)), slack=slacks, costs=_costs(answers))


def _costs(answers: list[dict[str, Any]]) -> dict[str, Cost]:
    names = answers[0]["seconds"]
    return {name: cost_of({key: statistics.median(each["seconds"][name][key] for each in answers) for key in names[name]}) for name in names}


def cost_of(seconds: Mapping[str, float]) -> Cost:
    """The three costs from seconds by `blocks passes`."""
    (few, many), (one, more) = BLOCKS, PASSES
    shallow = (seconds[f"{few} {more}"] - seconds[f"{few} {one}"]) / (more - one)
    deep = (seconds[f"{many} {more}"] - seconds[f"{many} {one}"]) / (more - one)
    block = max(0.0, (deep - shallow) / (many - few))
    each_pass = max(0.0, shallow - few * block)
    step = statistics.mean(max(0.0, seconds[f"{blocks} {one}"] - one * (each_pass + blocks * block)) for blocks in BLOCKS)
    return Cost(step_us=step * 1e6, pass_us=each_pass * 1e6, block_us=block * 1e6)


def _ask_engines() -> dict[str, Any]:
    """Each engine in a process without this one's process group."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(TORCHRUN)}
    answer: dict[str, Any] = {"seconds": {}, "resident": {}}
    for engine in ENGINES:
        command = [sys.executable, "-m", "orchestrator.training.probing", engine]
        done = subprocess.run(command, env={**environment, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the probe of {engine} failed: {done.stderr[-2000:]}")
        told = json.loads(done.stdout.splitlines()[-1])
        answer["seconds"] |= told["seconds"]
        answer["resident"][engine] = told["resident"]
        answer |= {"bare": told["bare"], "slack": told["slack"]}
    return answer


def _ask(engine: str) -> dict[str, Any]:
    """In the engine's own process: seconds by stage of ZeRO, depth and number of micro-batches; bytes held with a tiny model."""
    cpu = torch.device("cpu")
    bare = resident(cpu)
    beyond = slack(cpu)
    importlib.import_module("orchestrator.training.worker")  # a run's worker holds the data pipeline as well
    seconds = {
        f"{engine}-{stage}" if engine == "deepspeed" else engine: {
            f"{blocks} {passes}": _step_s(engine, stage, blocks, passes) for blocks in BLOCKS for passes in PASSES
        }
        for stage in STAGES[engine]
    }
    return {"bare": bare, "slack": beyond, "resident": resident(cpu), "seconds": seconds}


def _step_s(engine: str, stage: int, blocks: int, passes: int) -> float:
    """Typical seconds of a step of `passes` micro-batches through `blocks` blocks."""
    batch = max(PASSES)
    spec = run_spec_of(FAMILIES.get("llama")).model_validate({
        "model": {**TINY, "layers": blocks}, "data": {"mixture": "python", "sequence_length": LENGTH},
        "training": {
            "batch": {"sequences": batch}, "steps": STEPS, "optimizer": {"name": "adamw", "lr": 1e-4},
            "schedule": {"name": "constant"}, "precision": "fp32", "seed": 1,
        },
        "parallelism": {"engine": engine, "zero": stage, "micro_batch": batch // passes},
    })  # fmt: skip
    cluster = ClusterSpec.model_validate({"nodes": 1, "node": {"accelerator": "cpu", "count": 1, "host_memory": "8GiB"}})
    plan = make_plan(spec, cluster, 1)
    made = make_engine(engine)
    made.build(plan, Device(kind="cpu", index=0))
    try:
        return typical(list(_steps(made, batch, batch // passes))[WARM_UP:])
    finally:
        made.close()


def _steps(engine: Any, batch: int, micro_batch: int) -> Iterable[float]:
    for _ in range(STEPS):
        tokens = torch.randint(0, VOCABULARY, (batch, LENGTH + 1))
        batches = [engine.objective.collate(part) for part in tokens.split(micro_batch)]
        began = time.thread_time()
        engine.train_step(batches, lr=1e-4)
        yield time.thread_time() - began


def main(arguments: list[str]) -> int:
    """Prints what one engine was asked, as JSON on the last line."""
    parser = argparse.ArgumentParser(prog="orchestrator.training.probing", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("engine", choices=ENGINES)
    torch.set_num_threads(1)
    print(json.dumps(_ask(parser.parse_args(arguments).engine)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
