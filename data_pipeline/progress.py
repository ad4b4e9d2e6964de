"""How far a preparation is: documents and bytes a second, what is kept, what is dropped and why, when it will end.

A preparation takes hours, and one that speaks only when a source is done cannot be told from one that hangs. Whoever does
the work says small events; what they come to is one value, worked out without clock, terminal or cluster, so that the
terminal (screen.py) and the gauges of a dashboard show the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

_WINDOW_S = 20.0  # over which speed is measured: a slow block is seen soon, a pause between two is not
_POINT_S = 0.5


@dataclass(frozen=True, slots=True)
class Started:
    """A stage begins, of so many blocks; `done` of them were found done by an earlier preparation."""

    stage: str
    blocks: int
    done: int = 0


@dataclass(frozen=True, slots=True)
class Ticked:
    """What a block has come to so far. A block that is done anew begins again from nothing: its numbers are replaced."""

    block: str
    documents: int
    bytes: int
    kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finished:
    """A block is done; what was ticked of it last is what it came to."""

    block: str


@dataclass(frozen=True, slots=True)
class Line:
    """Something for people to read."""

    text: str


Event = Started | Ticked | Finished | Line


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Documents and bytes of text that went in, documents that stayed, and those that did not, by reason."""

    documents: int = 0
    bytes: int = 0
    kept: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Tally) -> Tally:
        reasons = {reason: self.dropped.get(reason, 0) + other.dropped.get(reason, 0) for reason in (*self.dropped, *other.dropped)}
        return Tally(
            documents=self.documents + other.documents, bytes=self.bytes + other.bytes, kept=self.kept + other.kept, dropped=reasons
        )


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One stage. Times are seconds on the caller's clock, which only needs to go on."""

    stage: str = ""
    blocks: int = 0
    done: int = 0
    found_done: int = 0
    began: float = 0.0
    now: float = 0.0
    finished: Tally = field(default_factory=Tally)
    """Of the blocks that are done, those found done left out."""
    running: Mapping[str, Tally] = field(default_factory=dict)
    recent: tuple[tuple[float, int, int], ...] = ()
    """(time, documents, bytes) at moments of the last seconds."""

    def after(self, event: Event, now: float) -> Progress:
        """What it is once the event has happened."""
        if isinstance(event, Started):
            return Progress(
                stage=event.stage, blocks=event.blocks, done=event.done, found_done=event.done, began=now, now=now, recent=((now, 0, 0),)
            )
        if isinstance(event, Ticked):
            tally = Tally(documents=event.documents, bytes=event.bytes, kept=event.kept, dropped=dict(event.dropped))
            return replace(self, running={**self.running, event.block: tally}).at(now)
        if isinstance(event, Finished):
            running = {block: tally for block, tally in self.running.items() if block != event.block}
            came_to = self.running.get(event.block, Tally())
            return replace(self, done=self.done + 1, finished=self.finished + came_to, running=running).at(now)
        return replace(self, now=now)

    def at(self, now: float) -> Progress:
        """The same, with the speed seen at this moment."""
        if self.recent and now - self.recent[-1][0] < _POINT_S:
            return replace(self, now=now)
        total = self.total
        recent = tuple(point for point in self.recent if now - point[0] <= _WINDOW_S)
        return replace(self, now=now, recent=(*recent, (now, total.documents, total.bytes)))

    @property
    def total(self) -> Tally:
        """Of all blocks, those at work included."""
        return sum(self.running.values(), self.finished)

    @property
    def seconds(self) -> float:
        """Since the stage began."""
        return self.now - self.began

    @property
    def documents_per_s(self) -> float:
        """Over the last seconds."""
        return self._speed(1)

    @property
    def bytes_per_s(self) -> float:
        """Over the last seconds, bytes of text."""
        return self._speed(2)

    @property
    def eta_s(self) -> float | None:
        """Seconds to the end of the stage, if blocks go on as those done since it began; None before the first."""
        here = self.done - self.found_done
        return self.seconds / here * (self.blocks - self.done) if here > 0 else None

    def _speed(self, column: int) -> float:
        first, last = (self.recent[0], self.recent[-1]) if self.recent else ((0.0, 0, 0), (0.0, 0, 0))
        seconds = last[0] - first[0]
        return max(0.0, (last[column] - first[column]) / seconds) if seconds > 0 else 0.0


GAUGES: Mapping[str, str] = {
    "orchestrator_data_blocks": "Blocks of the stage",
    "orchestrator_data_blocks_done": "Blocks that are done",
    "orchestrator_data_documents": "Documents read in this stage",
    "orchestrator_data_bytes": "Bytes of text read in this stage",
    "orchestrator_data_kept": "Documents kept",
    "orchestrator_data_dropped": "Documents dropped",
    "orchestrator_data_documents_per_second": "Documents per second over the last seconds",
    "orchestrator_data_bytes_per_second": "Bytes of text per second over the last seconds",
    "orchestrator_data_eta_seconds": "Seconds to the end of the stage",
}
"""Name of a gauge -> what it says."""


def gauges(progress: Progress) -> dict[str, float]:
    """The value of each of GAUGES, that which is not known left out; `total.dropped` has the documents dropped by reason."""
    total = progress.total
    values: dict[str, float | None] = {
        "orchestrator_data_blocks": progress.blocks,
        "orchestrator_data_blocks_done": progress.done,
        "orchestrator_data_documents": total.documents,
        "orchestrator_data_bytes": total.bytes,
        "orchestrator_data_kept": total.kept,
        "orchestrator_data_dropped": sum(total.dropped.values()),
        "orchestrator_data_documents_per_second": progress.documents_per_s,
        "orchestrator_data_bytes_per_second": progress.bytes_per_s,
        "orchestrator_data_eta_seconds": progress.eta_s,
    }
    return {name: float(value) for name, value in values.items() if value is not None}


def told(say: Callable[[str], None]) -> Callable[[Event], None]:
    """Gives only what is to be read, as text."""

    def tell(event: Event) -> None:
        if isinstance(event, Line):
            say(event.text)

    return tell
