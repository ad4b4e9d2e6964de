"""The work of `repeated_substrings`: places that may occur twice, the windows around them, and the cut."""

from __future__ import annotations

import numpy as np

from data_pipeline.dedup.cut import bytes_of, kept_of, text_of, whole_characters
from data_pipeline.dedup.winnow import Winnow
from data_pipeline.documents import Document
from data_pipeline.steps import Drop, Outcome
from data_pipeline.surveys import Found, SurveyOf

_NONE = Found(np.zeros(0, np.uint64))


def fingerprints(size: int, shortest: int) -> SurveyOf:
    """A row for each fingerprint of a document that is long enough."""
    winnow = _winnow(size)

    def survey(document: Document, marks: np.ndarray) -> Found:
        if len(document.text) < shortest:
            return _NONE
        places, hashes = winnow.picked(bytes_of(document.text))
        return Found(hashes, at=places)

    return survey


def windows(size: int) -> SurveyOf:
    """A row for each window around a fingerprint that occurs twice."""
    winnow = _winnow(size)

    def survey(document: Document, marks: np.ndarray) -> Found:
        if not marks.size:
            return _NONE
        at, key, low = winnow.windows_with(bytes_of(document.text), marks["at"])
        return Found(key, low, at)

    return survey


def _winnow(size: int) -> Winnow:
    return Winnow(size=size, gram=size * 5 // 8)


def without_later_copies(document: Document, marks: np.ndarray) -> Outcome:
    if not marks.size:
        return document.text
    data = bytes_of(document.text)
    kept = whole_characters(data, kept_of(data.size, marks))
    if kept.all():
        return document.text
    text = text_of(data[kept])
    return text if text.strip() else Drop("repeated text")
