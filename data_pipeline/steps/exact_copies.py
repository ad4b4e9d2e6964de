"""Copies of a document in any source: the first one stays.

What is compared is the text with every run of white space as one blank (`whitespace`), the text itself
(`none`), or its letters alone as `dedup_document` does within a source (`letters`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal

from data_pipeline.steps import STEPS, Wide

if TYPE_CHECKING:
    import numpy as np

    from data_pipeline.surveys import ApplyMarked, SurveyOf


@STEPS.register
class ExactCopies(Wide):
    step: Literal["exact_copies"]
    copies: ClassVar[bool] = True
    across: ClassVar[bool] = True
    normalize: Literal["none", "whitespace", "letters"] = "whitespace"

    def survey(self, language: str | None, turn: int) -> SurveyOf:
        from data_pipeline.dedup.normal import folded, only_letters
        from data_pipeline.steps._copies import survey_by

        normals: dict[str, Callable[[str], str]] = {"none": str, "whitespace": folded, "letters": only_letters}
        normal = normals[self.normalize]
        return survey_by(lambda document: normal(document.text))

    def decide(self, rows: np.ndarray, turn: int) -> np.ndarray:
        from data_pipeline.dedup.groups import copies

        return copies(rows)

    def marked(self, language: str | None) -> ApplyMarked:
        from data_pipeline.steps._copies import dropped_as

        return dropped_as("copy")
