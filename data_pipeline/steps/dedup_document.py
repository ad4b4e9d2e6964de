"""Copies of a document within its source, told by their letters alone: the first one stays.

White space, digits and ASCII punctuation are left out before comparing, so pages that differ in a date or a
counter are copies. A document without any letter is its own copy only if all of it is equal; in the published
step all such documents were copies of one another. The published step also blanked a copy's text; here the
document is dropped.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from data_pipeline.dedup.groups import copies
from data_pipeline.dedup.normal import only_letters
from data_pipeline.steps import STEPS, ApplyMarked, SurveyOf, Wide
from data_pipeline.steps._copies import dropped_as, survey_by


@STEPS.register
class DedupDocument(Wide):
    step: Literal["dedup_document"]
    copies: ClassVar[bool] = True

    def survey(self, language: str | None, turn: int) -> SurveyOf:
        return survey_by(lambda document: only_letters(document.text))

    def decide(self, rows: np.ndarray, turn: int) -> np.ndarray:
        return copies(rows)

    def marked(self, language: str | None) -> ApplyMarked:
        return dropped_as("copy")
