"""The index of all evaluation sets, made once a process, and what is done to a document that shares n-grams with them."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from data_pipeline.documents import Document
from data_pipeline.measures.overlap import Hits, Overlap
from data_pipeline.steps import Drop, Outcome
from orchestrator.errors import DataError

if TYPE_CHECKING:
    from data_pipeline.steps.decontaminate import Decontaminate, EvaluationSet

_EXAMPLES = 20  # of each set


@dataclass(frozen=True, slots=True)
class Index:
    overlap: Overlap
    names: tuple[tuple[str, str], ...]
    """(set, id) of each text"""


def content_of(sets: tuple[EvaluationSet, ...]) -> str:
    """SHA-256 of all names and texts."""
    digest = hashlib.sha256()
    for each in sets:
        for name, text in each.texts():
            digest.update(f"{each.name}\0{name}\0{len(text)}\0{text}".encode())
    return digest.hexdigest()


def index_of(asked: Decontaminate) -> Index:
    return _index(asked.sets, content_of(asked.sets), asked.n, asked.characters, asked.most)


@lru_cache(maxsize=2)
def _index(sets: tuple[EvaluationSet, ...], content: str, n: int, characters: int, most: int) -> Index:
    names = tuple((each.name, name) for each in sets for name, _ in each.texts())
    try:
        return Index(Overlap((text for each in sets for _, text in each.texts()), n, characters, most), names)
    except ValueError as error:
        raise DataError(f"decontaminate: {error}; raise `most` where there is the memory, or name fewer sets") from None


class Decontaminator:
    def __init__(self, asked: Decontaminate) -> None:
        self._asked = asked
        self._index = index_of(asked)
        self._documents: Counter[str] = Counter()
        self._grams: Counter[str] = Counter()
        self._examples: dict[str, list[dict[str, Any]]] = {}

    def __call__(self, document: Document) -> Outcome:
        hits = self._index.overlap.hits(document.text)
        if len(hits) < self._asked.least:
            return document.text
        name, found = self._told(document, hits)
        if self._asked.action == "drop":
            return Drop(f"in {name}", found)
        pieces = self._pieces(document.text, hits)
        if not pieces or len(pieces) > self._asked.pieces:
            return Drop(f"in {name}", f"{found}; {len(pieces)} pieces left")
        return "\n".join(pieces)

    def facts(self) -> dict[str, Any]:
        return {
            name: {"documents": self._documents[name], "n-grams": self._grams[name], "examples": self._examples[name]}
            for name in sorted(self._documents)
        }

    def _told(self, document: Document, hits: Hits) -> tuple[str, str]:
        """The set and the text that most n-grams are from; both are counted."""
        owners, counts = np.unique(hits.owners, return_counts=True)
        best = int(counts.argmax())
        name, text = self._index.names[int(owners[best])]
        for each in {self._index.names[int(owner)][0] for owner in owners}:
            self._documents[each] += 1
            self._examples.setdefault(each, [])
        for owner, count in zip(owners.tolist(), counts.tolist(), strict=True):
            self._grams[self._index.names[owner][0]] += count
        if len(self._examples[name]) < _EXAMPLES:
            self._examples[name].append({"document": document.id, "text": text, "n-grams": int(counts[best])})
        return name, f"{int(counts[best])} n-grams of {text}"

    def _pieces(self, text: str, hits: Hits) -> list[str]:
        """What is left between the parts that are cut out."""
        order = np.argsort(hits.starts, kind="stable")
        pieces, place = [], 0
        for start, end in zip(hits.starts[order].tolist(), hits.ends[order].tolist(), strict=True):
            pieces.append(text[place : max(place, start - self._asked.around)])
            place = max(place, end + self._asked.around)
        pieces.append(text[place:])
        return [piece for piece in pieces if len(piece.strip()) >= self._asked.shortest]
