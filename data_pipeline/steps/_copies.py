"""The first of all documents that share a mark stays; a document without a mark stays as well."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from data_pipeline.documents import Document
from data_pipeline.keys import keys_of
from data_pipeline.steps import Drop, Outcome
from data_pipeline.surveys import ApplyMarked, Found, SurveyOf

MarkOf = Callable[[Document], str | None]


def survey_by(mark_of: MarkOf) -> SurveyOf:
    """One row for each document that has a mark."""

    def survey(document: Document, marks: np.ndarray) -> Found:
        mark = mark_of(document)
        return Found(*keys_of([] if mark is None else [mark]))

    return survey


def dropped_as(reason: str) -> ApplyMarked:
    """Every document that anything was decided about goes."""

    def apply(document: Document, marks: np.ndarray) -> Outcome:
        return Drop(reason) if marks.size else document.text

    return apply
