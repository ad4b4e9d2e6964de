"""A loss that is not finite ends the run, with evidence; it is never trained on over.

It stands first among the callbacks, so that no checkpoint, metric or ledger line of the bad step is
written. Loss and norm are already averaged over ranks: every rank sees the same and raises together.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np

from data_pipeline.files import write_file
from orchestrator.errors import NonFiniteLoss
from orchestrator.training.run import Callback, Run, Step


class Guard(Callback):
    """Raises NonFiniteLoss and leaves RUN/evidence/step-N.json: numbers and the documents of the step."""

    def on_step(self, run: Run, step: Step) -> None:
        report = step.report
        if math.isfinite(report.loss) and math.isfinite(report.grad_norm):
            return
        path = run.dir.evidence / f"step-{step.number:08d}.json"
        if run.gang.leads:
            samples = np.arange(step.batch.first_sample, step.batch.samples_after, dtype=np.int64)
            evidence = {
                "step": step.number,
                "lr": step.lr,
                "loss": repr(report.loss),
                "grad_norm": repr(report.grad_norm),
                "terms": {name: repr(value) for name, value in report.terms.items()},
                "samples": [asdict(origin) for origin in run.loader.describe(samples)],
            }
            write_file(path, json.dumps(evidence, ensure_ascii=False, indent=1) + "\n")
        raise NonFiniteLoss(
            f"step {step.number}: loss {report.loss}, gradient norm {report.grad_norm} at lr {step.lr:.3g}; the weights were not"
            f" changed by this step. Evidence: {path}. Lower optimizer.lr or lengthen schedule.warmup, and resume from the last checkpoint"
        )
