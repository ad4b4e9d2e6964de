"""From pages to a finished run in the foreground: read, plan, prepare data, place, train, say how it ended.

`train` begins a run and `resume` continues one; from there on they are the same path.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from data_pipeline.files import write_file
from data_pipeline.prepare import find_admitted, find_prepared, prepare
from data_pipeline.prepared import Prepared
from data_pipeline.progress import told
from data_pipeline.stored.orders import stages_said
from data_pipeline.stored.storage import is_url, open_data
from orchestrator.errors import CommandError
from orchestrator.launch.assign import block_of
from orchestrator.launch.cluster import address_for
from orchestrator.launch.forecast import forecast_of, packed_forecast
from orchestrator.launch.forecast import told as forecast_lines
from orchestrator.launch.gauges import GaugesView
from orchestrator.launch.inventory import DEVICE, node_resources
from orchestrator.launch.job import JobResult, TrainJob
from orchestrator.launch.job import run as run_job
from orchestrator.launch.jobs import code_of
from orchestrator.launch.machine import this_machine
from orchestrator.launch.output import WorkerOutput
from orchestrator.launch.planned import ground_for, plan_for
from orchestrator.launch.preparing import executor_for
from orchestrator.launch.streaming import Preparation, streamed
from orchestrator.planning import Plan
from orchestrator.planning.data import lengths_of, mixture_of
from orchestrator.planning.render import render
from orchestrator.spec import ClusterSpec, LoadedCluster, LoadedRun, load_cluster, load_run
from orchestrator.spec.load import problem_at
from orchestrator.training.checkpoint.manifest import find
from orchestrator.training.create import create_run, find_run, write_execution, write_hardware
from orchestrator.training.resume import require_same_experiment
from orchestrator.training.rundir import RunDir, last_line, read_lines
from orchestrator.training.views.progress import ProgressView
from orchestrator.training.views.wandb import WandbView
from orchestrator.training.writer import is_trained, who_trains


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where things lie: folder of runs, folder of prepared data, address of a standing Ray (None: a private one)."""

    runs: Path
    data: Path
    address: str | None = None


def train(
    spec: str, cluster: str, overrides: Sequence[str], *, name: str | None, places: Places, until: int | None, console: Console
) -> int:  # fmt: skip
    """Trains a page from the beginning; returns the exit code."""
    loaded, hardware = load_run(spec, overrides), load_cluster(cluster)
    places = _attached(places, hardware, hardware.name)
    grounded = ground_for(loaded, hardware, places.address)
    plan = plan_for(loaded, grounded, hardware)
    name = name or default_name(spec)
    _show(console, render(plan, f"{name}: {spec} on {cluster}", width=console.width))
    with _data(loaded, plan, places.data, console) as (folder, preparation):
        run = create_run(places.runs, name, loaded, hardware)
        write_execution(run, data=folder, overrides=overrides, until=until, accepted=(), cluster=cluster)
        if loaded.spec.data.packing:
            _pack(run, plan, folder, console)
        return _launch(run, plan, grounded, places, console, preparation)


def resume(
    name: str | None, cluster: str | None, overrides: Sequence[str], *, places: Places, until: int | None,
    accepted: Sequence[str], console: Console,
) -> int:  # fmt: skip
    """Continues a run from its newest good checkpoint, on whatever layout the hardware now gives."""
    run = find_run(places.runs, name)
    if is_trained(run):
        raise CommandError(f"{who_trains(run)} has not ended; stop it, or wait for its end, then resume")
    before = json.loads(run.execution.read_text("utf-8"))
    said = [*before["overrides"], *overrides]
    loaded = load_run(run.spec, said)
    hardware = load_cluster(cluster or run.cluster)
    places = _attached(places, hardware, Path(cluster or before["cluster"]).stem)
    grounded = ground_for(loaded, hardware, places.address)
    plan = plan_for(loaded, grounded, hardware)
    saved = find(run.checkpoints).good
    accepted = [*before["accepted"], *accepted]
    if saved:
        require_same_experiment(saved[0], plan, accepted)
    folder = loaded.spec.data.prepared or before["data"]
    live = loaded.spec.data.live
    if saved and not is_url(folder) and not Path(folder).exists():
        fingerprint = saved[0].data_fingerprint
        folder = find_admitted(places.data, fingerprint) if live else find_prepared(places.data, fingerprint).folder
    _show(console, render(plan, f"{run.name}: continued from step {saved[0].step if saved else 0}", width=console.width))
    write_file(run.resolved, loaded.resolved)
    write_file(run.cluster, hardware.text)
    write_execution(run, data=folder, overrides=said, until=until, accepted=accepted, cluster=cluster or "")
    run.event("replanned", layout=plan.as_dict()["layout"])
    with _streaming(loaded, places.data, console, Path(folder)) if live else nullcontext() as preparation:
        return _launch(run, plan, grounded, places, console, preparation)


def _attached(places: Places, hardware: LoadedCluster, name: str) -> Places:
    """The page's cluster when it has an address or is up; a private Ray otherwise."""
    return replace(places, address=places.address or address_for(hardware.spec, name=name))


def default_name(spec: str) -> str:
    """`model_specs/llama/nano.yaml` -> `llama-nano-20300131-235959`."""
    path = Path(spec).absolute()
    return f"{path.parent.name}-{path.stem}-{time.strftime('%Y%m%d-%H%M%S')}".replace(" ", "_")


@contextmanager
def _data(loaded: LoadedRun, plan: Plan, cache: Path, console: Console) -> Iterator[tuple[str | Path, Preparation | None]]:
    """Where the data of the page lies, and who prepares it if that goes on while the run trains."""
    if not loaded.spec.data.live:
        prepared = _prepare(loaded, plan, cache, console)
        yield loaded.spec.data.prepared or prepared.folder, None
        return
    with _streaming(loaded, cache, console) as preparation:
        _require_vocabulary(loaded, plan, preparation.first_wave().vocab_size)
        yield preparation.folder, preparation


def _streaming(loaded: LoadedRun, cache: Path, console: Console, folder: Path | None = None) -> AbstractContextManager[Preparation]:
    """The preparation of the page's mixture, once there is something to train on."""
    said = loaded.spec.data.mixture
    return streamed(said, mixture_of(loaded), cache.absolute(), lambda line: _show(console, f"data       {line}"), folder=folder)


def _prepare(loaded: LoadedRun, plan: Plan, cache: Path, console: Console) -> Prepared:
    """The page's mixture, prepared if it is not; its tokenizer must fit the model."""
    mixture = mixture_of(loaded)
    said = loaded.spec.data.prepared
    if said is None:
        say = told(lambda line: _show(console, f"data       {line}"))
        prepared = prepare(mixture, cache.absolute(), say, executor_for(mixture, cache.absolute()))
    else:
        prepared, _ = open_data(said, capacity=loaded.spec.data.cache)
        if prepared.name != mixture.name:
            found = f"holds mixture {prepared.name!r}, and data.mixture is {mixture.name!r}"
            raise problem_at(loaded.page, "data.prepared", found, f"write mixture: {prepared.name}, or another folder")
        if lengths_of(stages_said(prepared), loaded.spec) != plan.batch.lengths:
            found = f"was prepared with another schedule than mixture {mixture.name!r} has"
            raise problem_at(loaded.page, "data.prepared", found, "name the mixture page it was prepared from")
    _show(console, f"data       {mixture.name}: {prepared.train_tokens:,} training tokens in {prepared.folder}")
    _require_vocabulary(loaded, plan, prepared.vocab_size)
    if loaded.spec.data.order is None and loaded.spec.data.packing is None:
        for line in forecast_lines(forecast_of(prepared, plan)):
            _show(console, f"data       {line}")
    return prepared


def _pack(run: RunDir, plan: Plan, folder: str | Path, console: Console) -> None:
    """Packs the documents once, where every rank will find it, and says what the run will read."""
    prepared, storage = open_data(folder, capacity=plan.spec.data.cache)
    sources, padding = packed_forecast(prepared, storage, plan, run.order)
    _show(console, f"data       whole documents in samples of {plan.spec.data.sequence_length + 1:,} tokens, padding {padding:.2%}")
    for line in forecast_lines(sources):
        _show(console, f"data       {line}")


def _require_vocabulary(loaded: LoadedRun, plan: Plan, tokens: int) -> None:
    rows = plan.architecture.embedding.vocab
    if tokens > rows:
        message = f"is {rows:,}, and the tokenizer of mixture {loaded.spec.data.mixture!r} has {tokens:,} tokens"
        raise problem_at(loaded.page, "model.vocab_size", message, f"write vocab_size: {tokens}")


def _launch(
    run: RunDir, plan: Plan, grounded: ClusterSpec, places: Places, console: Console, preparation: Preparation | None
) -> int:
    write_hardware(run, grounded)
    run.event("submitted", world_size=plan.world_size, device=plan.device_spec.name)
    tracking = plan.spec.tracking.wandb
    result = run_job(
        train_job(run, plan, grounded),
        address=places.address,
        node=node_resources(this_machine(), devices=None if plan.device == "cuda" else plan.world_size),
        runtime_env=code_of() if places.address not in (None, "auto") else None,
        say=lambda text: _show(console, text),
        views=lambda _: [
            ProgressView(run, plan.total_steps, console),
            WorkerOutput(run.path, lambda text: _show(console, text)),
            GaugesView(run.path),
            *([preparation] if preparation else []),
            *([WandbView(run)] if tracking else []),
        ],
    )
    _summary(run, result, console)
    return result.exit_code


def train_job(run: RunDir, plan: Plan, grounded: ClusterSpec) -> TrainJob:
    """What Ray is asked for: one worker per device, its cores shared out evenly."""
    machine = this_machine()
    per_node = grounded.node.count or 1
    on_this_machine = per_node * (grounded.nodes if plan.device == "cpu" else 1)
    threads = max(1, machine.cores // on_this_machine)
    each = {"GPU": 1.0} if plan.device == "cuda" else {DEVICE: 1.0}
    return TrainJob(
        run_dir=run.path, world_size=plan.world_size, each=each, together=block_of(plan.layout), device=plan.device,
        threads=threads, max_restarts=plan.spec.recovery.max_restarts,
    )  # fmt: skip


def _summary(run: RunDir, result: JobResult, console: Console) -> None:
    last = last_line(run.metrics) or {"step": 0, "loss": float("nan")}
    saved = find(run.checkpoints).good
    _show(console, f"{result.outcome:<10} step {last['step']:,}, loss {last['loss']:.4f}, {result.attempts} attempt(s); {run.path}")
    if result.message:
        _show(console, result.message)
    for event in read_lines(run.events):
        if event["event"] == "baseline":
            better = "below" if event["validation_loss"] < event["loss"] else "NOT below"
            _show(console, f"validation loss {event['validation_loss']:.4f}, {better} the best-smoothed bigram's {event['loss']:.4f}")
    if result.outcome in ("interrupted", "paused") and saved:
        _show(console, f"continue with: make resume RUN={run.name}   (checkpoint of step {saved[0].step:,})")
    elif result.outcome == "finished":
        _show(console, f'next: make generate RUN={run.name} PROMPT="..."   make export RUN={run.name} OUT=DIR')


def _show(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
