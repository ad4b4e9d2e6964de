"""From what surveys found to marks, in bounded memory, wherever the parts are worked on.

Every block leaves its rows sorted by key. A decision takes one range of keys from all blocks, so rows that share a key
meet, and gives marks sorted by document; a block then takes its own marks from all ranges. Keys are hashes, so ranges of
equal width hold about equally many.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from data_pipeline.steps import Wide
from data_pipeline.surveys import MARKS, ROWS, Found
from data_pipeline.work import Job, Output, Tick

ROWS_AT_ONCE = 2**22
_SHIFT = np.uint64(32)


class RowsWriter:
    """The rows of a block in `rows-0.npy`, `rows-1.npy` and so on, some million each, every file sorted by key, low, document
    and at; what `join` asks for in `sides.npy`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: list[Found] = []
        self._numbers: list[int] = []
        self._waiting = 0
        self._sides: list[np.ndarray] = []
        self.total = 0
        self.runs = 0

    def add(self, found: Found, number: int) -> None:
        if found.side is not None:
            self._sides.append(found.side)
        if not found.key.size:
            return
        self._found.append(found)
        self._numbers.append(number)
        self._waiting += found.key.size
        if self._waiting >= ROWS_AT_ONCE:
            self._spill()

    def close(self) -> None:
        self._spill()
        if self._sides:
            np.save(self._folder / "sides.npy", np.stack(self._sides))

    def _spill(self) -> None:
        if self._waiting:
            rows = np.zeros(self._waiting, ROWS)
            sizes = [found.key.size for found in self._found]
            rows["key"] = np.concatenate([found.key for found in self._found])
            rows["document"] = np.repeat(np.array(self._numbers, np.uint64), sizes)
            for name in ("low", "at"):
                columns = [getattr(found, name) for found in self._found]
                if any(column is not None for column in columns):
                    zeros = (np.zeros(size, ROWS[name]) if column is None else column for column, size in zip(columns, sizes, strict=True))
                    rows[name] = np.concatenate(list(zeros))
            np.save(self._folder / f"rows-{self.runs}.npy", in_order(rows))
            self.runs += 1
        self.total += self._waiting
        self._found, self._numbers, self._waiting = [], [], 0


@dataclass(frozen=True, kw_only=True)
class Numbered:
    """What a survey left of the block of this number, no more than a job needs: all jobs of a decision hold all of them."""

    number: int
    folder: Path
    rows: int
    runs: int
    digest: str
    side: str
    """Digest of what `join` asks for; empty where nothing was left."""

    @staticmethod
    def of(number: int, found: Output) -> Numbered:
        runs = found.facts["runs"]
        digest = found.digest(*(f"rows-{run}.npy" for run in range(runs))) if runs else ""
        side = found.digest("sides.npy") if "sides.npy" in found.files else ""
        return Numbered(number=number, folder=found.folder, rows=found.facts["rows"], runs=runs, digest=digest, side=side)


@dataclass(frozen=True, kw_only=True)
class BlockMarks:
    """The marks about one block: the files that hold some, and a digest of what each holds of it."""

    number: int
    parts: tuple[tuple[Path, str], ...]

    def read(self) -> np.ndarray:
        """MARKS, sorted by document and at."""
        low, high = self.number << 32, (self.number + 1) << 32
        slices = [np.zeros(0, MARKS)]
        for path, _ in self.parts:
            marks = np.load(path, mmap_mode="r")
            start, end = (bisect_left(marks, limit, key=lambda mark: int(mark["document"])) for limit in (low, high))
            slices.append(np.array(marks[start:end]))
        return _sorted_marks(np.concatenate(slices))

    def digests(self) -> list[str]:
        """Changes when the marks of this block do."""
        return [digest for _, digest in self.parts]


@dataclass(frozen=True, kw_only=True)
class Marks:
    """The marks of a decision, in the outputs of its parts, each sorted by document."""

    parts: tuple[Output, ...]

    def about(self, number: int) -> BlockMarks:
        held = ((part.path("marks.npy"), part.facts["blocks"].get(str(number))) for part in self.parts)
        return BlockMarks(number=number, parts=tuple((path, digest) for path, digest in held if digest))

    def every(self) -> np.ndarray:
        return _sorted_marks(np.concatenate([np.load(part.path("marks.npy")) for part in self.parts]))


@dataclass(frozen=True, kw_only=True)
class Decide(Job):
    """All rows whose key lies in `low` to `high` (exclusive) -> marks about documents of the blocks from number `since` on."""

    step: Wide
    said: dict[str, Any]
    turn: int
    surveys: tuple[Numbered, ...]
    low: int
    high: int
    since: int = 0

    def signature(self) -> dict[str, Any]:
        rows = [[each.number, each.digest] for each in self.surveys]
        return {"step": self.said, "turn": self.turn, "rows": rows, "range": [self.low, self.high], "since": self.since}

    def run(self, folder: Path, tick: Tick) -> dict[str, Any]:
        parts = (part for each in self.surveys for part in self._parts(each))
        rows = np.concatenate([np.zeros(0, ROWS), *parts])
        marks = self.step.decide(in_order(rows), self.turn)
        marks = marks[marks["document"] >= np.uint64(self.since << 32)]
        return _save_marks(folder, marks)

    def _parts(self, survey: Numbered) -> Iterator[np.ndarray]:
        for run in range(survey.runs):
            rows = np.load(survey.folder / f"rows-{run}.npy", mmap_mode="r")
            start, end = (bisect_left(rows, limit, key=lambda row: int(row["key"])) for limit in (self.low, self.high))
            part = np.array(rows[start:end])
            part["document"] += np.uint64(survey.number << 32)
            yield part


@dataclass(frozen=True, kw_only=True)
class Join(Job):
    """What a step makes of all its marks together."""

    step: Wide
    said: dict[str, Any]
    marks: Marks
    surveys: tuple[Numbered, ...]

    def signature(self) -> dict[str, Any]:
        sides = [[each.number, each.side] for each in self.surveys if each.side]
        return {"step": self.said, "marks": [part.digest("marks.npy") for part in self.marks.parts], "sides": sides}

    def run(self, folder: Path, tick: Tick) -> dict[str, Any]:
        by_number = {each.number: each for each in self.surveys}

        def sides(documents: np.ndarray) -> np.ndarray:
            order = np.argsort(documents, kind="stable")
            pieces = []
            blocks = (documents[order] >> _SHIFT).astype(np.int64)
            for number in np.unique(blocks).tolist():
                places = documents[order][blocks == number] & np.uint64(0xFFFFFFFF)
                pieces.append(np.load(by_number[number].folder / "sides.npy", mmap_mode="r")[places.astype(np.int64)])
            gathered = np.concatenate(pieces)
            result = np.empty_like(gathered)
            result[order] = gathered
            return result

        return _save_marks(folder, self.step.join(self.marks.every(), sides))


def ranges(rows: int) -> list[tuple[int, int]]:
    """Ranges of keys that hold some four million rows each."""
    parts = max(1, -(-rows // ROWS_AT_ONCE))
    bounds = [number * 2**64 // parts for number in range(parts + 1)]
    return list(pairwise(bounds))


def joins(step: Wide) -> bool:
    """Whether the step has something to do over all marks together."""
    return type(step).join is not Wide.join


def in_order(rows: np.ndarray) -> np.ndarray:
    """ROWS sorted by key, low, document and at."""
    return rows[np.lexsort((rows["at"], rows["document"], rows["low"], rows["key"]))]


def _sorted_marks(marks: np.ndarray) -> np.ndarray:
    return marks[np.lexsort((marks["size"], marks["at"], marks["document"]))]


def _save_marks(folder: Path, marks: np.ndarray) -> dict[str, Any]:
    marks = _sorted_marks(marks.astype(MARKS))
    np.save(folder / "marks.npy", marks)
    numbers = (marks["document"] >> _SHIFT).astype(np.int64)
    bounds = np.flatnonzero(np.diff(numbers, prepend=-1, append=-1))
    blocks = {
        str(numbers[start]): hashlib.sha256(marks[start:end].tobytes()).hexdigest()
        for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    }
    return {"marks": int(marks.size), "blocks": blocks}


def surveyed(numbered: Sequence[Numbered]) -> int:
    """Rows of all of them."""
    return sum(each.rows for each in numbered)
