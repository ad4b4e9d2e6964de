"""Teasers and notices of crawled newspapers: every line that occurs twice or more in the source, all its
occurrences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from data_pipeline.steps import STEPS, Wide

if TYPE_CHECKING:
    import numpy as np

    from data_pipeline.surveys import ApplyMarked, SurveyOf


@STEPS.register
class DedupPseudocrawlNewspapers(Wide):
    step: Literal["dedup_pseudocrawl_newspapers"]
    least: int = Field(default=2, ge=2, description="times that a line occurs in the source")

    def survey(self, language: str | None, turn: int) -> SurveyOf:
        from data_pipeline.steps._templates import survey_lines

        return survey_lines(1)

    def decide(self, rows: np.ndarray, turn: int) -> np.ndarray:
        from data_pipeline.dedup.groups import frequent

        return frequent(rows, self.least)

    def marked(self, language: str | None) -> ApplyMarked:
        from data_pipeline.steps._templates import without_marked_lines

        return without_marked_lines
