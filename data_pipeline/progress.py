"""What is told while data is prepared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Started:
    """A stage begins, with so many blocks of work."""

    stage: str
    blocks: int


@dataclass(frozen=True, slots=True)
class Ticked:
    """How far the work on one block is: totals since its begin."""

    block: str
    documents: int
    bytes: int
    kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finished:
    """A block is done, or was found done."""

    block: str


@dataclass(frozen=True, slots=True)
class Line:
    """Something to read."""

    text: str


Event = Started | Ticked | Finished | Line


def told(say: Callable[[str], None]) -> Callable[[Event], None]:
    """Gives only what is to be read, as text."""

    def tell(event: Event) -> None:
        if isinstance(event, Line):
            say(event.text)

    return tell
