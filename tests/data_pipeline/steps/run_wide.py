"""A `Wide` step over a list of documents, in memory: the contract of `steps/__init__.py` in its plainest form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_pipeline.documents import Document
from data_pipeline.steps import Outcome, Wide
from data_pipeline.surveys import MARKS, ROWS, Found

IN_BLOCK = 7  # documents; their numbers are block and place, so they are not consecutive


def run_wide(
    step: Wide, documents: Sequence[Document], languages: Sequence[str | None] = (), ranges: int = 1
) -> tuple[list[Outcome], np.ndarray]:
    """What becomes of each document, and the marks by place in the list; the keys are divided in so many ranges."""
    said = list(languages) or [None] * len(documents)
    numbers = np.array([(place // IN_BLOCK) << 32 | place % IN_BLOCK for place in range(len(documents))], np.uint64)
    marks = np.zeros(0, MARKS)
    for turn in range(step.turns):
        by_document = _by_document(marks, numbers)
        looks = {language: step.survey(language, turn) for language in set(said)}
        found = [looks[said[place]](entry, by_document[place]) for place, entry in enumerate(documents)]
        rows = _sorted(_rows(found, numbers))
        marks = np.concatenate([step.decide(part, turn) for part in _divided(rows, ranges)])
        marks = marks[np.lexsort((marks["at"], marks["document"]))]
    marks = step.join(marks, lambda asked: np.stack([found[place].side for place in np.searchsorted(numbers, asked)]))
    by_document = _by_document(marks, numbers)
    applies = {language: step.marked(language) for language in set(said)}
    outcomes = [applies[said[place]](entry, by_document[place]) for place, entry in enumerate(documents)]
    placed = np.concatenate([np.zeros(0, MARKS), *by_document])
    for column in ("document", "first"):
        placed[column] = np.searchsorted(numbers, placed[column])
    return outcomes, placed


def _rows(found: list[Found], numbers: np.ndarray) -> np.ndarray:
    parts = [np.zeros(0, ROWS)]
    for number, one in zip(numbers, found, strict=True):
        part = np.zeros(one.key.size, ROWS)
        part["key"], part["document"] = one.key, number
        if one.low is not None:
            part["low"] = one.low
        if one.at is not None:
            part["at"] = one.at
        parts.append(part)
    return np.concatenate(parts)


def _sorted(rows: np.ndarray) -> np.ndarray:
    return rows[np.lexsort((rows["at"], rows["document"], rows["low"], rows["key"]))]


def _divided(rows: np.ndarray, ranges: int) -> list[np.ndarray]:
    """By the first column of the key alone: all rows that share it stay together."""
    bounds = np.array([(number << 64) // ranges for number in range(1, ranges)], np.uint64)
    return np.split(rows, np.searchsorted(rows["key"], bounds))


def _by_document(marks: np.ndarray, numbers: np.ndarray) -> list[np.ndarray]:
    marks = marks[np.lexsort((marks["first_at"], marks["first"], marks["at"], marks["document"]))]
    bounds = np.searchsorted(marks["document"], numbers), np.searchsorted(marks["document"], numbers, "right")
    return [marks[start:end] for start, end in zip(*bounds, strict=True)]
