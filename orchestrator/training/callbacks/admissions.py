"""Which waves of a running preparation the run has trained on, in events.jsonl: they decide its order.

The fingerprint of such data says what was asked for. That what was prepared is still the same is seen from here: a folder
prepared again by other code, or from files that kept their dates, is refused before a step is taken.
"""

from __future__ import annotations

from data_pipeline.admitted import digest_of
from data_pipeline.stored.live import Live
from orchestrator.errors import DataError
from orchestrator.training.run import Callback, Run, Step
from orchestrator.training.rundir import read_lines

ADMITTED = "admitted"  # the event


class Admissions(Callback):
    """On rank 0, for a run that trains while data is prepared."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def on_start(self, run: Run) -> None:
        known = {event["wave"]: event["digest"] for event in read_lines(run.dir.events) if event["event"] == ADMITTED}
        for number, wave in enumerate(self._live.admitted.waves, start=1):
            if known.get(number, digest_of(wave)) != digest_of(wave):
                raise DataError(
                    f"wave {number} in {self._live.admitted.folder} is not the one that this run has trained on: the data was prepared "
                    "again, and came out otherwise. Put the folder back that the run began with, or start a new run"
                )
        self._recorded = max(known, default=0)
        self._record(run)

    def on_step(self, run: Run, step: Step) -> None:
        self._record(run)

    def _record(self, run: Run) -> None:
        for number, wave in enumerate(self._live.admitted.waves[self._recorded :], start=self._recorded + 1):
            run.dir.event(
                ADMITTED, step=run.step, wave=number, digest=digest_of(wave), tokens=sum(wave.tokens["train"].values()),
                complete=list(wave.complete),
            )  # fmt: skip
            self._recorded = number
