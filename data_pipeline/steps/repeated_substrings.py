"""Text that stood before, in the same document or in any other: every run of 50 bytes or more is cut, its
first occurrence stays whole.

Lee et al. (2022), "Deduplicating Training Data Makes Language Models Better", 4.1, and ROOTS after it, by a
suffix array of the whole corpus in memory, which took a day for English and gutted documents: some tools cut
the first occurrence too. Here, exactly and on disk, in two turns. The first finds places whose surroundings
may occur twice (`dedup/winnow.py`), the second compares every window of `bytes` bytes around them by 128
bits. What goes are the bytes that lie in a window which stood before and in none that comes again and stands
here first; a character goes when all its bytes do. So each window that occurs several times still stands
where it did first.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from data_pipeline.dedup.cut import bytes_of, kept_of, text_of, whole_characters
from data_pipeline.dedup.groups import frequent
from data_pipeline.dedup.winnow import Winnow
from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, ApplyMarked, Drop, Found, Outcome, SurveyOf, Wide

_NONE = Found(np.zeros(0, np.uint64))


@STEPS.register
class RepeatedSubstrings(Wide):
    step: Literal["repeated_substrings"]
    turns: ClassVar[int] = 2
    across: ClassVar[bool] = True
    bytes: int = Field(default=50, ge=8, description="of the shortest text that is cut, in UTF-8")
    shortest_document: int = Field(default=0, ge=0, description="characters; shorter ones are left alone (ROOTS: 6000)")

    def survey(self, language: str | None, turn: int) -> SurveyOf:
        winnow = Winnow(size=self.bytes, gram=self.bytes * 5 // 8)

        def first(document: Document, marks: np.ndarray) -> Found:
            if len(document.text) < self.shortest_document:
                return _NONE
            places, hashes = winnow.picked(bytes_of(document.text))
            return Found(hashes, at=places)

        def second(document: Document, marks: np.ndarray) -> Found:
            if not marks.size:
                return _NONE
            at, key, low = winnow.windows_with(bytes_of(document.text), marks["at"])
            return Found(key, low, at)

        return second if turn else first

    def decide(self, rows: np.ndarray, turn: int) -> np.ndarray:
        return frequent(rows, 2, self.bytes if turn else 0)

    def marked(self, language: str | None) -> ApplyMarked:
        return without_later_copies


def without_later_copies(document: Document, marks: np.ndarray) -> Outcome:
    if not marks.size:
        return document.text
    data = bytes_of(document.text)
    kept = whole_characters(data, kept_of(data.size, marks))
    if kept.all():
        return document.text
    text = text_of(data[kept])
    return text if text.strip() else Drop("repeated text")
