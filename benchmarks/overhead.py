"""What the orchestrator costs per step, beside a bare DeepSpeed loop: `make bench-overhead`.

Two models of the nano page train in the same processes, one step each in turn: one by a loop of ten lines
on DeepSpeed itself, the other by this project's loop with metrics, ledger, guard, W&B and the agreement of
the ranks on. Same module, batches and DeepSpeed configuration. Because the two alternate step by step,
whatever else the machine does falls on both; the figure is the ratio of the median step times.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed, multiprocessing

from data_pipeline.loader import Loader
from data_pipeline.mixture import load_mixture
from data_pipeline.prepare import prepare
from data_pipeline.prepared import open_prepared
from orchestrator.engines import make_engine
from orchestrator.engines.base import Device
from orchestrator.engines.deepspeed import runtime
from orchestrator.engines.deepspeed.config import ds_config
from orchestrator.engines.optimizers import make_optimizer
from orchestrator.launch.ground import ground
from orchestrator.launch.machine import this_machine
from orchestrator.models.build import build_module, initialiser
from orchestrator.planning import Plan, make_plan
from orchestrator.spec import ClusterSpec, load_cluster, load_run
from orchestrator.training.callbacks.guard import Guard
from orchestrator.training.callbacks.ledger import Ledger
from orchestrator.training.callbacks.metrics import Metrics
from orchestrator.training.create import create_run, write_execution, write_hardware
from orchestrator.training.gang import Gang
from orchestrator.training.loop import samples_of_replica, train_steps
from orchestrator.training.run import Callback, Run, Step
from orchestrator.training.rundir import RunDir
from orchestrator.training.views.wandb import WandbView

TARGET = 1.03
WARM_UP = 10


class Alternate(Callback):
    """Last among the callbacks: after each of our steps, one step of the bare loop; times both."""

    def __init__(self, bare: Any) -> None:
        self.bare = bare
        self.ours: list[float] = []
        self.theirs: list[float] = []
        self._left_at = 0.0

    def on_start(self, run: Run) -> None:
        distributed.barrier()
        self._left_at = time.perf_counter()

    def on_step(self, run: Run, step: Step) -> None:
        now = time.perf_counter()
        self.ours.append(now - self._left_at)
        self.bare(step.number)
        self._left_at = time.perf_counter()
        self.theirs.append(self._left_at - now)


def bare_loop(plan: Plan, loader: Loader, rank: int) -> Any:
    """A DeepSpeed loop as one would write it by hand; returns the function that takes step `n`."""
    deepspeed = runtime.import_deepspeed(Device(kind=plan.device, index=rank))
    module = build_module(plan.architecture, dtype=torch.float32, device=torch.device(plan.device))
    weights = initialiser(plan.architecture, plan.seed)
    for name, parameter in module.named_parameters():
        parameter.data.copy_(weights.whole(name, parameter.shape))
    optimizer = make_optimizer(
        ((parameter, tuple(parameter.shape)) for parameter in module.parameters()), plan.spec.training.optimizer
    )
    engine, *_ = deepspeed.initialize(model=module, optimizer=optimizer, config=ds_config(plan))

    def step(number: int) -> None:
        mine = samples_of_replica(plan.batch.at(number), rank, plan.data)
        tokens = loader.tokens(np.arange(mine.start, mine.stop))
        for part in tokens.split(plan.micro_batch):
            logits = engine(input_ids=part[:, :-1], use_cache=False).logits
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), part[:, 1:].flatten())
            engine.backward(loss)
            engine.step()
        loss.item()

    return step


def measure(rank: int, world_size: int, run_dir: str, store: str, threads: int) -> None:
    """One rank of the measurement; rank 0 leaves the times in RUN/overhead.json."""
    torch.set_num_threads(threads)
    distributed.init_process_group("gloo", store=distributed.FileStore(store, world_size), rank=rank, world_size=world_size)
    folder = RunDir(Path(run_dir))
    spec = load_run(folder.resolved).spec
    plan = make_plan(spec, ClusterSpec.model_validate_json(folder.hardware.read_text()), world_size)
    data = json.loads(folder.execution.read_text())["data"]
    loader = Loader(open_prepared(Path(data)), sequence_length=plan.sequence_length, seed=plan.seed)
    engine = make_engine("deepspeed")
    engine.build(plan, Device(kind=plan.device, index=rank))
    gang = Gang()
    if gang.leads:
        folder.plan.write_text(json.dumps(plan.as_dict()))
    alternate = Alternate(bare_loop(plan, loader, rank))
    run = Run(dir=folder, plan=plan, engine=engine, loader=loader, gang=gang, attempt=1, until=plan.total_steps)
    done = threading.Event()
    view = WandbView(folder)
    watcher = threading.Thread(target=_poll, args=(view, done))
    if gang.leads:
        watcher.start()
    writers: list[Callback] = [Ledger(), Metrics()] if gang.leads else []
    train_steps(run, [Guard(), *writers, alternate], lambda: gang.leads and folder.stop.exists())
    if gang.leads:
        done.set()
        watcher.join()
        (folder.path / "overhead.json").write_text(json.dumps({"ours": alternate.ours, "bare": alternate.theirs}))
    distributed.barrier()
    engine.close()
    distributed.destroy_process_group()


def _poll(view: WandbView, done: threading.Event) -> None:
    while not done.wait(0.25):
        view.poll()
    view.close()


def main() -> int:
    """Runs the measurement and prints the table; exit code 1 when the ratio misses the target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    said = [f"training.steps={options.steps}", "parallelism.engine=deepspeed", *options.set]
    loaded, cluster = load_run("model_specs/llama/nano.yaml", said), load_cluster("cluster/laptop.yaml")
    machine = this_machine()
    grounded = ground(cluster.spec, machine)
    plan = make_plan(loaded.spec, grounded)
    prepared = prepare(load_mixture(loaded.spec.data.mixture), Path("data").absolute(), print)
    with tempfile.TemporaryDirectory(prefix="overhead-") as folder:
        run = create_run(Path(folder), "overhead", loaded, cluster)
        write_hardware(run, grounded)
        write_execution(run, data=prepared.folder, overrides=said, until=None, accepted=())
        threads = max(1, machine.cores // plan.world_size)
        multiprocessing.spawn(measure, (plan.world_size, str(run.path), f"{folder}/store", threads), nprocs=plan.world_size)
        times = json.loads((run.path / "overhead.json").read_text())
    ours, bare = times["ours"][WARM_UP:], times["bare"][WARM_UP:]
    ratio = statistics.median(ours) / statistics.median(bare)
    paired = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
    print(f"{plan.world_size} ranks, ZeRO {plan.zero_stage}, {len(ours)} steps each, alternating")
    for name, values in (("bare DeepSpeed loop", bare), ("orchestrator", ours)):
        low, high = min(values), max(values)
        print(f"  {name:<22}median {statistics.median(values):.4f} s   min {low:.4f}   max {high:.4f}")
    print(f"  ratio of medians {ratio:.4f}   median of paired ratios {paired:.4f}   target {TARGET}")
    return 0 if ratio <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
