"""The same text again, in any source: the first one stays."""

from __future__ import annotations

import hashlib
from typing import ClassVar, Literal

import numpy as np

from data_pipeline.documents import Document
from data_pipeline.steps import MARKS, STEPS, ApplyMarked, Drop, Found, Outcome, SurveyOf, Wide


@STEPS.register
class ExactCopies(Wide):
    step: Literal["exact_copies"] = "exact_copies"
    across: ClassVar[bool] = True
    copies: ClassVar[bool] = True

    def survey(self, language: str | None, turn: int) -> SurveyOf:
        def look(document: Document, marks: np.ndarray) -> Found:
            pair = np.frombuffer(hashlib.blake2b(document.text.encode(), digest_size=16).digest(), "<u8")
            return Found(key=pair[:1], low=pair[1:])

        return look

    def decide(self, rows: np.ndarray, turn: int) -> np.ndarray:
        again = np.flatnonzero((rows["key"][1:] == rows["key"][:-1]) & (rows["low"][1:] == rows["low"][:-1])) + 1
        begins = np.setdiff1d(np.arange(rows.size), again)
        marks = np.zeros(again.size, MARKS)
        marks["document"] = rows["document"][again]
        marks["first"] = rows["document"][begins[np.searchsorted(begins, again, side="right") - 1]] if again.size else 0
        return marks

    def marked(self, language: str | None) -> ApplyMarked:
        def apply(document: Document, marks: np.ndarray) -> Outcome:
            return Drop("copy") if marks.size else document.text

        return apply
