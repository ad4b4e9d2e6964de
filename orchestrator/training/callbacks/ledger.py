"""The ledger: which documents (source, shard, document, span) were in which global sample.

One line per step. The order of samples is a pure function, so the ledger could be worked out at any time;
it is written down because a record made during the run is evidence, and because the run may outlive the
code. The loop checks after each step that the samples written here are those that the ranks were fed.
"""

from __future__ import annotations

import numpy as np

from data_pipeline.loader import Origin
from orchestrator.training.lineage import row_of
from orchestrator.training.run import Callback, Run, Step
from orchestrator.training.rundir import append_line, cut_torn_tail, last_line

AHEAD = 256
"""Samples looked up at once: a look-up costs about the same for one as for hundreds."""


class Ledger(Callback):
    """On rank 0. Steps that are taken again after a restore are already on record."""

    def on_start(self, run: Run) -> None:
        cut_torn_tail(run.dir.ledger)
        last = last_line(run.dir.ledger)
        self._logged = last["step"] if last else 0
        self._origins: dict[int, Origin] = {}

    def on_step(self, run: Run, step: Step) -> None:
        if step.number <= self._logged:
            return
        self._logged = step.number
        first, end = step.batch.first_sample, step.batch.samples_after
        if end - 1 not in self._origins:
            ahead = min(first + AHEAD, run.plan.batch.samples_after(run.plan.total_steps))
            found = run.loader.describe(np.arange(first, max(end, ahead) if run.loader.there(ahead) else end, dtype=np.int64))
            self._origins = {origin.sample: origin for origin in found}
        rows = [row_of(self._origins[sample]) for sample in range(first, end)]
        append_line(run.dir.ledger, {"step": step.number, "samples": rows})
