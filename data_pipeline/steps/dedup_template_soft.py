"""The template of a source: lines of 15 characters or more that occur ten times or more in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from data_pipeline.steps import STEPS, Wide

if TYPE_CHECKING:
    import numpy as np

    from data_pipeline.surveys import ApplyMarked, SurveyOf


@STEPS.register
class DedupTemplateSoft(Wide):
    step: Literal["dedup_template_soft"]
    shortest: int = Field(default=15, ge=1, description="characters of a line that can be a template's")
    least: int = Field(default=10, ge=2, description="times that it occurs in the source")

    def survey(self, language: str | None, turn: int) -> SurveyOf:
        from data_pipeline.steps._templates import survey_lines

        return survey_lines(self.shortest)

    def decide(self, rows: np.ndarray, turn: int) -> np.ndarray:
        from data_pipeline.dedup.groups import frequent

        return frequent(rows, self.least)

    def marked(self, language: str | None) -> ApplyMarked:
        from data_pipeline.steps._templates import without_marked_lines

        return without_marked_lines
