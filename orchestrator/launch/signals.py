"""Ctrl-C, decided in pure code.

A signal may come while Ray starts, while the gang waits for room, in mid-step, in a checkpoint, or twice.
Ray Train's own handler aborts at the first one and loses the steps since the last checkpoint. Here every
event of the launch goes through `Desk.handle`, which does no IO: it answers with instructions, so that a
test can say "given these events, exactly these instructions".

    STARTING ──attempt started──> RUNNING ──first signal──> STOPPING ──gang returned──> (done, 130)
       │                             │                          │
       └──any signal: leave at once  └──gang returned: done     └──second signal: leave at once
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

INTERRUPTED = 130
# One press can arrive twice (from the terminal and from make, or from a supervisor and its process group).
SAME_PRESS_S = 0.3


class Phase(Enum):
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"


@dataclass(frozen=True, kw_only=True)
class Signalled:
    """SIGINT, SIGTERM or SIGHUP reached this process, `at` seconds of a monotonic clock."""

    name: str
    at: float


@dataclass(frozen=True)
class AttemptStarted:
    """The workers of an attempt have begun to run our function: from here on there is something to save."""


@dataclass(frozen=True)
class GangReturned:
    """The gang is gone, whatever its outcome."""


Event = Signalled | AttemptStarted | GangReturned


@dataclass(frozen=True, kw_only=True)
class Say:
    text: str


@dataclass(frozen=True)
class AskToStop:
    """Write RUN/stop: the workers save a checkpoint after the step in hand and return."""


@dataclass(frozen=True, kw_only=True)
class Leave:
    """Take down what this process started, now, and exit."""

    exit_code: int


Instruction = Say | AskToStop | Leave


class Desk:
    """The state of one launch. `handle` is the only way in; the log of all events is kept for the report."""

    def __init__(self) -> None:
        self.phase = Phase.STARTING
        self.log: list[Event] = []
        self._last_signal = float("-inf")

    def handle(self, event: Event) -> list[Instruction]:
        self.log.append(event)
        match event:
            case AttemptStarted():
                if self.phase is Phase.STARTING:
                    self.phase = Phase.RUNNING
                return []
            case GangReturned():
                self.phase = Phase.DONE
                return []
            case Signalled(name=name, at=at):
                again, self._last_signal = at - self._last_signal < SAME_PRESS_S, at
                return [] if again else self._signalled(name)

    def _signalled(self, name: str) -> list[Instruction]:
        match self.phase:
            case Phase.STARTING:
                self.phase = Phase.DONE
                return [Say(text=f"{name}: nothing has been trained yet, leaving"), Leave(exit_code=INTERRUPTED)]
            case Phase.RUNNING:
                self.phase = Phase.STOPPING
                return [
                    Say(text=f"{name}: saving a checkpoint after this step (once more: leave without it)"),
                    AskToStop(),
                ]
            case Phase.STOPPING:
                self.phase = Phase.DONE
                return [
                    Say(text=f"{name} again: leaving now; the run continues later from its last good checkpoint"),
                    Leave(exit_code=INTERRUPTED),
                ]
            case Phase.DONE:
                return []
