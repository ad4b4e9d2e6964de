"""What happens around steps, one concern per file.

    metrics.py      one line per step
    ledger.py       which documents were in which sample
    guard.py        never train on over a loss that is not finite
    validation.py   loss on held-out documents, and the bigram model beside it
    checkpoints.py  save, keep, forget
    samples.py      text at the end

A callback that talks to other ranks is present on all of them, in the same order; one that only writes
is present on rank 0.
"""

from __future__ import annotations

from orchestrator.training.loop import Run, Step


class Callback:
    """Hooks of the loop. `on_stop` is called when the loop ends without an error; see `run.outcome`."""

    def on_start(self, run: Run) -> None:
        """Before the first step of this attempt."""

    def on_step(self, run: Run, step: Step) -> None:
        """After each optimizer step."""

    def on_stop(self, run: Run) -> None:
        """After the last step of this attempt."""
