"""Loss on held-out documents, on the same windows every time, and the bigram model to compare with.

A loss by itself says little; that it is below what the best-smoothed bigram model of the very same
training tokens reaches says that the model has learnt more than pairs.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from data_pipeline.loader import Samples
from orchestrator.planning.rules import divisors
from orchestrator.training.run import Callback, Run, Step

MOST_TOKENS_FOR_BASELINE = 200_000_000


class Validation(Callback):
    """On all ranks. Every `every` steps and at the end; results go to events.jsonl."""

    def on_start(self, run: Run) -> None:
        section = run.plan.spec.training.validation
        assert section is not None
        self._section = section
        self._every = run.plan.every(section.every)
        self._windows = run.loader.validation(section.samples)
        self._done = -1  # a run that was killed after its last checkpoint has its end once more

    def on_step(self, run: Run, step: Step) -> None:
        if step.number % self._every == 0:
            self._validate(run)

    def on_stop(self, run: Run) -> None:
        if not run.finished:
            return
        loss = self._validate(run) if self._done != run.step else self._loss
        if self._section.baseline == "bigram" and run.gang.leads:
            self._baseline(run, loss)

    def _validate(self, run: Run) -> float:
        batches = [run.engine.objective.collate(part.tokens, part.documents) for part in _share(self._windows, run)]
        report = run.engine.evaluate(batches)
        self._done, self._loss = run.step, report.loss
        if run.gang.leads:
            run.dir.event(
                "validated", step=run.step, tokens=run.plan.batch.tokens_after(run.step), loss=report.loss,
                perplexity=math.exp(min(report.loss, 700.0)), samples=len(self._windows),
            )  # fmt: skip
        return report.loss

    def _baseline(self, run: Run, loss: float) -> None:
        from data_pipeline.baseline import best_bigram

        batch = run.plan.batch
        trained, tokens = batch.samples_after(run.step), batch.tokens_after(run.step)
        if tokens > MOST_TOKENS_FOR_BASELINE:
            run.dir.event("no_baseline", reason=f"the bigram model counts at most {MOST_TOKENS_FOR_BASELINE:,} tokens")
            return
        firsts = {*range(0, trained, 4096), *(each.first_sample for each in batch.lengths if each.first_sample < trained)}
        streams = (
            row for first, end in pairwise([*sorted(firsts), trained]) for row in run.loader.rows(np.arange(first, end))
        )
        vocabulary = run.plan.architecture.embedding.vocab
        baseline = best_bigram(streams, self._windows.tokens.numpy(), vocabulary)
        run.dir.event(
            "baseline", model="bigram", smoothing=baseline.name, loss=baseline.loss, validation_loss=loss,
            training_tokens=tokens,
        )  # fmt: skip


def _share(windows: Samples, run: Run) -> list[Samples]:
    """This replica's windows in micro-batches; all of them on every replica when they do not divide evenly.

    Pipeline stages pass on tensors of one shape, so there all micro-batches are of one size.
    """
    data = run.plan.data
    mine = windows[run.place.data :: data] if len(windows) % data == 0 else windows
    size = run.plan.micro_batch
    if run.plan.layout.pipeline > 1:
        size = divisors(len(mine), at_most=size)[-1]
    return mine.split(size)
