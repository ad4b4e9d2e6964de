"""Teasers and notices of crawled newspapers: every line that occurs twice or more in the source, all its
occurrences.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from data_pipeline.dedup.groups import frequent
from data_pipeline.steps import STEPS, ApplyMarked, SurveyOf, Wide
from data_pipeline.steps._templates import survey_lines, without_marked_lines


@STEPS.register
class DedupPseudocrawlNewspapers(Wide):
    step: Literal["dedup_pseudocrawl_newspapers"]
    least: int = Field(default=2, ge=2, description="times that a line occurs in the source")

    def survey(self, language: str | None, turn: int) -> SurveyOf:
        return survey_lines(1)

    def decide(self, rows: np.ndarray, turn: int) -> np.ndarray:
        return frequent(rows, self.least)

    def marked(self, language: str | None) -> ApplyMarked:
        return without_marked_lines
