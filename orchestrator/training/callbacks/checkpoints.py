"""Save every so often, when asked to stop and at the end; keep what retention says.

A save that fails because the disk is full does not end the run: the last good checkpoint is still
there, the next save may find room. Only a run that cannot save its final state fails.
"""

from __future__ import annotations

import time
from dataclasses import asdict

from orchestrator.errors import CheckpointError
from orchestrator.training.checkpoint.manifest import Manifest
from orchestrator.training.checkpoint.retention import delete, to_delete
from orchestrator.training.checkpoint.write import write_checkpoint
from orchestrator.training.resume import convergence_fingerprint, schedule_facts
from orchestrator.training.run import Callback, Run, Step


class Checkpoints(Callback):
    """On all ranks. `good` are the steps known to be whole, as the restore found them."""

    def __init__(self, good: list[int]) -> None:
        self._good = good

    def on_start(self, run: Run) -> None:
        section = run.plan.spec.checkpoint
        self._every = run.plan.every(section.every)
        self._keep_every = run.plan.every(section.keep_every) if section.keep_every else None

    def on_step(self, run: Run, step: Step) -> None:
        if step.number % self._every or step.number == run.until:
            return
        try:
            self._save(run)
        except CheckpointError as error:
            if run.gang.leads:
                cause = f"{error}. Training goes on; the last good checkpoint is step {max(self._good, default=0)}"
                run.dir.event("save_failed", step=step.number, cause=cause)

    def on_stop(self, run: Run) -> None:
        if run.step not in self._good and run.step > 0:
            self._save(run)

    def _save(self, run: Run) -> None:
        began = time.perf_counter()
        checkpoints = run.dir.checkpoints
        section = run.plan.spec.checkpoint
        manifest = write_checkpoint(checkpoints, run.engine.state(), manifest_of(run), run.gang)
        self._good = sorted({*self._good, run.step})
        if run.gang.leads:
            seconds = round(time.perf_counter() - began, 3)
            size = sum(file.size for file in manifest.files)
            gone = to_delete(self._good, keep_last=section.keep_last, keep_every=self._keep_every)
            delete(checkpoints, gone)
            run.dir.event("saved", step=run.step, bytes=size, seconds=seconds, deleted=gone)
        gone = to_delete(self._good, keep_last=section.keep_last, keep_every=self._keep_every)
        self._good = [step for step in self._good if step not in gone]


def manifest_of(run: Run) -> Manifest:
    """The manifest of the run's present step, without files, which the writer adds."""
    plan = run.plan
    samples = plan.batch.samples_after(run.step)
    return Manifest(
        step=run.step,
        files=(),
        layout=asdict(plan.layout),
        position={"step": run.step, "samples": samples, "tokens": plan.batch.tokens_after(run.step)},
        scalars=dict(run.engine.state().scalars),
        random={"seed": plan.seed, "rule": "torch.manual_seed(f(seed, step, replica)) before each step"},
        schedule=schedule_facts(plan),
        spec=plan.spec.model_dump(mode="json"),
        spec_fingerprint=convergence_fingerprint(plan.spec),
        data_fingerprint=run.loader.prepared.fingerprint,
    )
