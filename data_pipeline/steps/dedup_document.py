"""Copies of a document within its source, told by their letters alone: the first one stays.

White space, digits and ASCII punctuation are left out before comparing, so pages that differ in a date or a
counter are copies. A document without any letter is its own copy only if all of it is equal; in the published
step all such documents were copies of one another. The published step also blanked a copy's text; here the
document is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from data_pipeline.steps import STEPS, Wide

if TYPE_CHECKING:
    import numpy as np

    from data_pipeline.surveys import ApplyMarked, SurveyOf


@STEPS.register
class DedupDocument(Wide):
    step: Literal["dedup_document"]
    copies: ClassVar[bool] = True

    def survey(self, language: str | None, turn: int) -> SurveyOf:
        from data_pipeline.dedup.normal import only_letters
        from data_pipeline.steps._copies import survey_by

        return survey_by(lambda document: only_letters(document.text))

    def decide(self, rows: np.ndarray, turn: int) -> np.ndarray:
        from data_pipeline.dedup.groups import copies

        return copies(rows)

    def marked(self, language: str | None) -> ApplyMarked:
        from data_pipeline.steps._copies import dropped_as

        return dropped_as("copy")
