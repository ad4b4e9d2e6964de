"""What every worker runs, whoever started it: Ray Train, torchrun, or a test.

It is idempotent: read the world size, make the plan for it, build the engine, restore the newest good
checkpoint, train. So a first start, a restart after a failure, a resume and a resize are one path, and the
only state is what lies in the run's folder.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch

from data_pipeline.files import write_file
from data_pipeline.loader import Loader
from data_pipeline.stored.live import Live
from data_pipeline.stored.orders import order_of, own_order, require_enough, stages_said
from data_pipeline.stored.storage import open_data
from orchestrator.engines import make_engine
from orchestrator.engines.base import Device
from orchestrator.errors import CheckpointError, CommandError, OrchestratorError, RunError
from orchestrator.planning import Plan, make_plan
from orchestrator.planning.data import lengths_of
from orchestrator.spec import ClusterSpec, load_run
from orchestrator.training.callbacks.admissions import Admissions
from orchestrator.training.callbacks.checkpoints import Checkpoints
from orchestrator.training.callbacks.guard import Guard
from orchestrator.training.callbacks.ledger import Ledger
from orchestrator.training.callbacks.metrics import Metrics
from orchestrator.training.callbacks.samples import Samples
from orchestrator.training.callbacks.validation import Validation
from orchestrator.training.checkpoint.huggingface import fill_weights
from orchestrator.training.checkpoint.manifest import Manifest, find
from orchestrator.training.checkpoint.read import fill, newest_good
from orchestrator.training.gang import Gang
from orchestrator.training.hosts import require_groups_on_one_node
from orchestrator.training.loop import train_steps
from orchestrator.training.resume import require_same_data, require_same_experiment
from orchestrator.training.run import Callback, Run
from orchestrator.training.rundir import RunDir, cut_torn_tail, read_lines
from orchestrator.training.writer import hold


def train(
    run_dir: str, *, local_rank: int = 0, node: str = "", until: int | None = None,
    stop_asked: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Trains the run in `run_dir` on the process group this process belongs to (none means one rank).

    local_rank: the index of this process's device on its node.
    node: what tells this process's node from all others; by default its host name.
    until: the last step to take; by default what the command that launched the run said.

    Returns {"outcome": "finished" | "paused" | "interrupted" | "failed", "message", "exit_code", "step"}; an
    error that all ranks know of is returned, so that nobody restarts what would fail again. Errors that
    only this rank knows of are raised.
    """
    folder = RunDir(Path(run_dir))
    gang, node = Gang(), node or socket.gethostname()
    with ExitStack() as held:
        busy = gang.from_leader(hold(folder, held, node) if gang.leads else "")
        if busy:
            return _failed(RunError(busy))
        attempt = gang.from_leader(_begin_attempt(folder) if gang.leads else 0)
        try:
            return _train(folder, gang, attempt, local_rank, node, until, stop_asked)
        except OrchestratorError as error:
            if gang.leads:
                _record(folder, "failed", attempt=attempt, cause=type(error).__name__, message=str(error))
            return _failed(error)


def _failed(error: OrchestratorError) -> dict[str, Any]:
    return {"outcome": "failed", "message": str(error), "exit_code": error.exit_code, "step": 0}


def _train(
    folder: RunDir, gang: Gang, attempt: int, local_rank: int, node: str, until: int | None, stop_asked: Callable[[], bool]
) -> dict[str, Any]:
    spec = load_run(folder.resolved).spec
    cluster = ClusterSpec.model_validate_json(folder.hardware.read_text("utf-8"))
    execution = json.loads(folder.execution.read_text("utf-8"))
    sequences, batch = spec.data.sequence_length, spec.training.batch.sequences
    live: Live | None = None
    if spec.data.live:
        live = Live(Path(execution["data"]), partial(own_order, sequence_length=sequences, seed=spec.training.seed, batch=batch))
    prepared, storage = live.first if live else open_data(execution["data"], capacity=spec.data.cache)
    plan = make_plan(spec, cluster, world_size=gang.world_size, lengths=lengths_of(stages_said(prepared), spec))
    nodes = gang.gather(node)
    require_groups_on_one_node(plan.layout, nodes)
    device = _device(plan, local_rank)
    samples = plan.batch.samples_after(plan.total_steps)
    order = order_of(
        spec.data.order, prepared, storage, sequence_length=sequences, seed=plan.seed, samples=samples, batch=batch,
        packing=spec.data.packing, cache=folder.order,
    )  # fmt: skip
    if live is None:
        require_enough(order, samples)
    loader = Loader(
        prepared, storage=storage, sequence_length=plan.sequence_length, seed=plan.seed, order=order,
        apart=spec.data.documents == "apart", live=live,
    )  # fmt: skip
    _require_vocabulary(plan, loader.prepared.vocab_size)
    engine = make_engine(plan.engine)
    engine.build(plan, device)
    try:
        run = Run(
            dir=folder, plan=plan, engine=engine, loader=loader, gang=gang, attempt=attempt,
            until=min(plan.total_steps, until or execution.get("until") or plan.total_steps),
        )  # fmt: skip
        restored = _restore(run, execution.get("accepted", ()))
        _announce(run, restored, nodes)
        train_steps(run, _callbacks(run, restored), lambda: stop_asked() or (gang.leads and folder.stop.exists()))
        if gang.leads:
            _record(folder, run.outcome, step=run.step, attempt=attempt)
        return {"outcome": run.outcome, "message": "", "exit_code": 130 if run.outcome == "interrupted" else 0, "step": run.step}
    finally:
        engine.close()


def _callbacks(run: Run, restored: Manifest | None) -> list[Callback]:
    """In the order they act: guard before anything is written, checkpoints after all that belongs to the step."""
    admissions = [Admissions(run.loader.live)] if run.loader.live else []
    writers: list[Callback] = [*admissions, Ledger(), Metrics()] if run.gang.leads else []
    validation: list[Callback] = [Validation()] if run.plan.spec.training.validation else []
    finished = run.gang.from_leader([manifest.step for manifest in find(run.dir.checkpoints).good])
    good = [step for step in finished if step <= run.step] if restored else []
    return [Guard(), *writers, *validation, Checkpoints(good), Samples()]


def _begin_attempt(folder: RunDir) -> int:
    cut_torn_tail(folder.events)
    attempt = 1 + sum(event["event"] in ("started", "restarted") for event in read_lines(folder.events))
    folder.event("started" if attempt == 1 else "restarted", attempt=attempt)
    return attempt


def _restore(run: Run, accepted: tuple[str, ...]) -> Manifest | None:
    """Loads the newest good checkpoint into the engine and sets the position; says what was damaged."""
    manifest, damaged = newest_good(run.dir.checkpoints, run.gang)
    if run.gang.leads:
        for damage in damaged:
            run.dir.event("damaged", step=damage.step, file=damage.file, reason=damage.reason)
    if manifest is None:
        if any("never finished" not in damage.reason for damage in damaged):
            raise CheckpointError(
                "no checkpoint is whole: " + "; ".join(str(damage) for damage in damaged) + ". Restore a file, or start a new run"
            )
        _begin(run)
        return None
    require_same_data(run.loader.prepared.fingerprint, manifest.data_fingerprint)
    if manifest.step < run.plan.total_steps:
        require_same_experiment(manifest, run.plan, accepted)
    state = run.engine.state()
    fill(state, manifest, run.dir.checkpoints)
    run.engine.restore(state)
    run.step = manifest.step
    return manifest


def _begin(run: Run) -> None:
    """A new run's weights: those that the engine drew, or those of a folder."""
    folder = run.plan.spec.training.initial_weights
    if folder:
        state = run.engine.state()
        fill_weights(state, Path(folder), run.plan.architecture)
        run.engine.restore(state)


def _announce(run: Run, restored: Manifest | None, nodes: list[str]) -> None:
    if not run.gang.leads:
        return
    write_file(run.dir.plan, json.dumps(run.plan.as_dict(), indent=1) + "\n")
    write_file(run.dir.plan.with_name(f"plan-{run.attempt}.json"), json.dumps(run.plan.as_dict(), indent=1) + "\n")
    run.dir.event(
        "restored" if restored else "placed", step=run.step, attempt=run.attempt, world_size=run.gang.world_size,
        layout=run.plan.as_dict()["layout"], hosts=nodes,
    )  # fmt: skip


def _device(plan: Plan, index: int) -> Device:
    if plan.device == "cuda":
        torch.cuda.set_device(index)
    return Device(kind=plan.device, index=index)


def _require_vocabulary(plan: Plan, tokens: int) -> None:
    rows = plan.architecture.embedding.vocab
    if tokens > rows:
        raise CommandError(
            f"the mixture's tokenizer has {tokens:,} tokens and the model {rows:,} rows; write model.vocab_size: {tokens} or more"
        )


def _record(folder: RunDir, name: str, **fields: Any) -> None:
    """An event that must not hide, by a full disk of its own, what it reports."""
    try:
        folder.event(name, **fields)
    except OSError as error:
        _warn(f"event {name} could not be written: {error}")


def _warn(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr, flush=True)
