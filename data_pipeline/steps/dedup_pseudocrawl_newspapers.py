"""Teasers and notices of crawled newspapers: every line that occurs twice or more in the source, all its occurrences."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from data_pipeline.steps import STEPS, SourceWide, Survey


@STEPS.register
class DedupPseudocrawlNewspapers(SourceWide):
    step: Literal["dedup_pseudocrawl_newspapers"]
    least: int = Field(default=2, ge=2, description="times that a line occurs in the source")

    def survey(self, scratch: Path) -> Survey:
        from data_pipeline.steps._templates import TemplateSurvey

        return TemplateSurvey(1, self.least, scratch)
