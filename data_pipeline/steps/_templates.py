"""Lines that stand in many documents of a source are its template: menus, notices, footers. They are taken
out.

Lines are compared without white space at their ends. The published step also took that white space from the
lines that stayed, and counted empty lines like any other, so that they vanished from a source; here what
stays is not touched.
"""

from __future__ import annotations

import numpy as np

from data_pipeline.documents import Document
from data_pipeline.keys import keys_of
from data_pipeline.steps import Outcome
from data_pipeline.surveys import Found, SurveyOf


def survey_lines(shortest: int) -> SurveyOf:
    """A row for each line of at least `shortest` characters, at its number."""
    least = max(1, shortest)

    def survey(document: Document, marks: np.ndarray) -> Found:
        lines = [line.strip() for line in document.text.split("\n")]
        counted = [number for number, line in enumerate(lines) if len(line) >= least]
        return Found(*keys_of(lines[number] for number in counted), at=np.array(counted, np.uint32))

    return survey


def without_marked_lines(document: Document, marks: np.ndarray) -> Outcome:
    if not marks.size:
        return document.text
    gone = set(marks["at"].tolist())
    return "\n".join(line for number, line in enumerate(document.text.split("\n")) if number not in gone)
