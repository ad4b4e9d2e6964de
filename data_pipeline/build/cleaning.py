"""A block of a source -> its documents after some steps, on disk, and what a survey found in them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data_pipeline.build.deciding import BlockMarks, RowsWriter
from data_pipeline.build.plan import BlockPlan, Stretch
from data_pipeline.clean import Record, StepTally, clean
from data_pipeline.documents import Document, Rejected
from data_pipeline.progress import Ticked
from data_pipeline.sources import Block, Source
from data_pipeline.sources._found import printable
from data_pipeline.steps import Step, Wide
from data_pipeline.surveys import MARKS, ApplyMarked
from data_pipeline.work import Job, Output, Tick
from data_pipeline.work.texts import TextsWriter, read_texts

_EXAMPLES = 20  # of records that are no documents, in the report; all of them are in quarantine.jsonl
_LONGEST = 1000  # characters of a place or a reason
NONE = np.zeros(0, MARKS)


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A wide step that has decided: its marks about the documents of one block."""

    step: Wide
    said: dict[str, Any]
    marks: BlockMarks

    def signature(self) -> list[Any]:
        return [self.said, self.marks.digests()]


@dataclass(frozen=True, kw_only=True)
class Clean(Job):
    """From `block`, or from the texts of the stretch before with the marks that were decided since, up to `stretch.wide`."""

    source: Source
    block: Block | None
    before: Output | None
    decided: Decided | None
    stretch: Stretch
    said: dict[str, Any]

    @staticmethod
    def of(plan: BlockPlan, before: Output | None, decided: Decided | None, stretch: Stretch) -> Clean:
        return Clean(
            title=plan.title, source=plan.of.plain, block=None if before else plan.block, before=before, decided=decided,
            stretch=stretch, said=stretch.signature,
        )  # fmt: skip

    def signature(self) -> dict[str, Any]:
        read = [self.source.reading(), self.block.name, self.block.signature] if self.block else None
        return {
            "source": self.source.name,
            "language": self.source.language,
            "licence": self.source.licence,
            "read": read,
            "texts": self.before.digest("texts.arrow") if self.before else None,
            "decided": self.decided.signature() if self.decided else None,
            "stretch": self.said,
        }

    def run(self, folder: Path, tick: Tick) -> dict[str, Any]:
        texts, rows = TextsWriter(folder / "texts.arrow"), RowsWriter(folder)
        counted = _Counted(self.title, tick)
        language = self.source.language
        tallies = [_tally_of(self.decided.step, language)] if self.decided else []
        stream: Iterator[Record] = counted.of(self._licensed(self._records(*tallies)))
        look = self.stretch.wide.survey(language, 0) if self.stretch.wide else None
        quarantine = _Quarantine(folder / "quarantine.jsonl")
        sizes = [0, 0]
        for record in clean(stream, self.stretch.steps, language, tallies):
            if isinstance(record, Rejected):
                quarantine.add(record)
                continue
            if look is not None:
                rows.add(look(record, NONE), texts.documents)
            texts.add(record)
            sizes[0] += len(record.text.encode())
            sizes[1] += len(record.text)
            counted.kept(texts.documents, tallies)
        texts.close()
        rows.close()
        quarantine.close()
        return {
            "documents": texts.documents, "bytes": sizes[0], "characters": sizes[1], "rows": rows.total, "runs": rows.runs,
            "read": {"documents": counted.documents, "bytes": counted.bytes},
            "rejected": quarantine.facts(),
            "steps": [tally.facts() for tally in tallies], "came_to": counted.came_to(texts.documents, tallies),
        }  # fmt: skip

    def _licensed(self, records: Iterator[Record]) -> Iterator[Record]:
        """Documents that know the licence of their source, for the steps that ask."""
        if self.source.licence is None:
            return records
        return (replace(each, licence=self.source.licence) if isinstance(each, Document) else each for each in records)

    def _records(self, *tally: StepTally) -> Iterator[Record]:
        if self.block is not None:
            yield from self.source.read(self.block)
            return
        assert self.before is not None
        documents = read_texts(self.before.path("texts.arrow"), self.source.name)
        if self.decided is None:
            yield from documents
            return
        marks = self.decided.marks.read()
        marked = zip(documents, by_document(marks, self.before.facts["documents"]), strict=True)
        yield from applied(marked, self.decided.step.marked(self.source.language), *tally)


@dataclass(frozen=True, kw_only=True)
class Survey(Job):
    """A further turn of a wide step: it looks again, knowing the marks of the turn before."""

    texts: Output
    source: Source
    decided: Decided
    turn: int

    def signature(self) -> dict[str, Any]:
        texts = self.texts.digest("texts.arrow")
        return {"texts": texts, "language": self.source.language, "decided": self.decided.signature(), "turn": self.turn}

    def run(self, folder: Path, tick: Tick) -> dict[str, Any]:
        rows = RowsWriter(folder)
        look = self.decided.step.survey(self.source.language, self.turn)
        counted = _Counted(self.title, tick)
        marks = by_document(self.decided.marks.read(), self.texts.facts["documents"])
        documents = counted.of(read_texts(self.texts.path("texts.arrow"), self.source.name))
        for number, (document, about) in enumerate(zip(documents, marks, strict=True)):
            assert isinstance(document, Document)
            rows.add(look(document, about), number)
            counted.kept(number + 1, [])
        rows.close()
        return {"rows": rows.total, "runs": rows.runs}


def by_document(marks: np.ndarray, documents: int) -> Iterator[np.ndarray]:
    """The marks about each document of a block in turn; [marks] sorted by document -> one array each."""
    bounds = np.searchsorted(marks["document"] & np.uint64(0xFFFFFFFF), np.arange(documents + 1, dtype=np.uint64))
    for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        yield marks[start:end] if end > start else NONE


def applied(
    marked: Iterable[tuple[Document, np.ndarray]], apply: ApplyMarked, tally: StepTally
) -> Iterator[Document]:
    """Documents with the marks about them -> those that are left."""
    for document, about in marked:
        if (kept := tally.count(document, apply(document, about))) is not None:
            yield kept


def _tally_of(step: Step, language: str | None) -> StepTally:
    return StepTally(step=step.step, notes=step.notes(language))


def tallies_of(facts: Any) -> list[StepTally]:
    return [StepTally(**said) for said in facts["steps"]]


class _Counted:
    """Counts what goes in, and tells now and then."""

    def __init__(self, title: str, tick: Tick) -> None:
        self._title = title
        self._tick = tick
        self.documents = 0
        self.bytes = 0

    def of(self, records: Iterator[Record] | Iterator[Document]) -> Iterator[Record]:
        for record in records:
            if isinstance(record, Document):
                self.documents += 1
                self.bytes += len(record.text.encode())
            yield record

    def kept(self, number: int, tallies: list[StepTally]) -> None:
        if number % 256 == 0:
            self._tick(Ticked(self._title, **self.came_to(number, tallies)))

    def came_to(self, kept: int, tallies: list[StepTally]) -> dict[str, Any]:
        """The numbers of a `Ticked`."""
        dropped: Counter[str] = Counter()
        for tally in tallies:
            dropped.update(tally.dropped)
        return {"documents": self.documents, "bytes": self.bytes, "kept": kept, "dropped": dict(dropped)}


class _Quarantine:
    """The records that are no documents, on disk as they come: with a wrong `text_field` it is every line of a block."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._records = 0
        self._examples: list[dict[str, str]] = []
        self._reasons: Counter[str] = Counter()

    def add(self, record: Rejected) -> None:
        said = {name: _printable(value) for name, value in (("where", record.where), ("reason", record.reason))}
        self._file.write(json.dumps(said, ensure_ascii=False) + "\n")
        self._records += 1
        self._reasons[said["reason"].partition(":")[0].partition(" at ")[0][:60]] += 1
        if len(self._examples) < _EXAMPLES:
            self._examples.append(said)

    def close(self) -> None:
        self._file.close()

    def facts(self) -> dict[str, Any]:
        return {"records": self._records, "examples": self._examples, "reasons": dict(self._reasons)}


def _printable(text: str) -> str:
    """Names of files and of fields may hold what is no character, and be as long as a line."""
    return printable(text[:_LONGEST])
