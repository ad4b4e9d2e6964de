"""The ledger: which documents (source, shard, document, span) were in which global sample.

Each line is one step. What is written is not only what the order says should have been read: every rank
counts and sums the samples it fed to the engine, and the step's line is written when the ranks' totals
agree with it.
"""

from __future__ import annotations

import numpy as np

from orchestrator.errors import DataError
from orchestrator.training.callbacks import Callback
from orchestrator.training.loop import Run, Step, samples_of_rank
from orchestrator.training.rundir import append_line, cut_torn_tail, last_line


class Ledger(Callback):
    """On all ranks; rank 0 writes."""

    def on_start(self, run: Run) -> None:
        self._logged = 0
        if run.gang.leads:
            cut_torn_tail(run.dir.ledger)
            last = last_line(run.dir.ledger)
            self._logged = last["step"] if last else 0

    def on_step(self, run: Run, step: Step) -> None:
        mine = samples_of_rank(step.batch, run.gang.rank, run.plan.data)
        fed = run.gang.sum([len(mine), sum(mine)])
        samples = np.arange(step.batch.first_sample, step.batch.samples_after, dtype=np.int64)
        if fed != [len(samples), int(samples.sum())]:
            raise DataError(
                f"step {step.number}: the ranks were fed {fed[0]} samples with sum {fed[1]} instead of samples"
                f" {samples[0]} to {samples[-1]}; the ranks disagree on world size or position"
            )
        if not run.gang.leads or step.number <= self._logged:
            return
        self._logged = step.number
        rows = [
            [origin.sample, origin.source, origin.epoch,
             [[span.shard, span.document, span.start, span.end] for span in origin.spans]]
            for origin in run.loader.describe(samples)
        ]  # fmt: skip
        append_line(run.dir.ledger, {"step": step.number, "samples": rows})
