"""The first of all documents that share a mark stays; a document without a mark stays as well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from data_pipeline.documents import Document
from data_pipeline.keys import Keys, key_of
from data_pipeline.steps import Apply, Drop, Outcome

MarkOf = Callable[[Document], str | None]


class CopySurvey:
    """One bit for each document of the source, once all were seen."""

    def __init__(self, mark_of: MarkOf, scratch: Path) -> None:
        self._mark_of = mark_of
        self._keys = Keys(scratch)

    def see(self, document: Document) -> None:
        mark = self._mark_of(document)
        if mark is not None:
            self._keys.add([key_of(mark)])

    def decide(self) -> Apply:
        copies = iter(self._keys.copies())

        def apply(document: Document) -> Outcome:
            return Drop("copy") if self._mark_of(document) is not None and next(copies) else document.text

        return apply
