"""Steps applied to the documents of a block, and a count of everything they did.

After cleaning, what matters is what was lost and why. Every document that goes into a step comes out of it, or stands
in its tally under a reason; a few of each are kept with the begin of their text, for a human to look at, and with what is
personal in it masked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from data_pipeline.documents import Document, Rejected
from data_pipeline.privacy.excerpts import excerpt
from data_pipeline.steps import Apply, Drop, Reporting, Step

EXAMPLES = 5  # of each reason, and of changed documents
_SHOWN = 160  # characters of an example's text

Record = Document | Rejected


@dataclass
class StepTally:
    """What one step did to one source, or to a block of it."""

    step: str
    read: int = 0
    kept: int = 0
    changed: int = 0
    characters_read: int = 0
    characters_kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    measures: dict[str, Any] = field(default_factory=dict)

    def count(self, document: Document, outcome: str | Drop) -> Document | None:
        """The document to go on with, or None."""
        self.read += 1
        self.characters_read += len(document.text)
        if isinstance(outcome, Drop):
            self.dropped[outcome.reason] = self.dropped.get(outcome.reason, 0) + 1
            if self._has_room(outcome.reason):
                self._show(outcome.reason, document, measured=outcome.measured, text=excerpt(document.text, 0, _SHOWN))
            return None
        self.kept += 1
        self.characters_kept += len(outcome)
        if outcome is document.text or outcome == document.text:
            return document
        self.changed += 1
        if self._has_room("changed"):
            before, after = _first_difference(document.text, outcome)
            self._show("changed", document, before=before, after=after)
        return replace(document, text=outcome, changed=(*document.changed, self.step))

    def _has_room(self, kind: str) -> bool:
        return len(self.examples.get(kind, ())) < EXAMPLES

    def _show(self, kind: str, document: Document, **facts: str) -> None:
        said = {name: value for name, value in facts.items() if value}
        self.examples.setdefault(kind, []).append({"id": document.id, **said})

    def facts(self) -> dict[str, Any]:
        return asdict(self)


def merged(step: Step, blocks: Sequence[StepTally]) -> StepTally:
    """The tally of a source from those of its blocks, in their order."""
    total = StepTally(step=blocks[0].step, notes=blocks[0].notes)
    for tally in blocks:
        total.read += tally.read
        total.kept += tally.kept
        total.changed += tally.changed
        total.characters_read += tally.characters_read
        total.characters_kept += tally.characters_kept
        for reason, number in tally.dropped.items():
            total.dropped[reason] = total.dropped.get(reason, 0) + number
        for kind, examples in tally.examples.items():
            known = total.examples.setdefault(kind, [])
            known.extend(examples[: EXAMPLES - len(known)])
    measured = [tally.measures for tally in blocks if tally.measures]
    total.measures = step.merged(measured) if measured else {}
    return total


def clean(records: Iterable[Record], steps: Iterable[Step], language: str | None, tallies: list[StepTally]) -> Iterator[Record]:
    """The records after all steps; `tallies` gets one entry a step, complete when the stream has ended."""
    stream = iter(records)
    for step in steps:
        tally = StepTally(step=step.step, notes=step.notes(language))
        tallies.append(tally)
        stream = _applied(stream, step, language, tally)
    return stream


def summary(tallies: Iterable[StepTally]) -> Iterator[str]:
    """One line for each step that did something or has something to say."""
    for tally in tallies:
        lost = ", ".join(f"{number:,} {reason}" for reason, number in sorted(tally.dropped.items()))
        if lost or tally.changed:
            yield f"{tally.step}: kept {tally.kept:,} of {tally.read:,}, changed {tally.changed:,}" + (f"; dropped {lost}" * bool(lost))
        for note in tally.notes:
            yield f"{tally.step}: {note}"


def _applied(stream: Iterator[Record], step: Step, language: str | None, tally: StepTally) -> Iterator[Record]:
    apply: Apply = step.begin(language)
    for record in stream:
        if isinstance(record, Rejected):
            yield record
        elif (kept := tally.count(record, apply(record))) is not None:
            yield kept
    if isinstance(apply, Reporting):
        tally.measures = apply.facts()


def _first_difference(before: str, after: str) -> tuple[str, str]:
    """Both texts around the first place where they differ."""
    place = 0
    with suppress(StopIteration):
        place = next(number for number, (old, new) in enumerate(zip(before, after, strict=False)) if old != new)
    start = max(0, place - _SHOWN // 4)
    return excerpt(before, start, start + _SHOWN), excerpt(after, start, start + _SHOWN)
