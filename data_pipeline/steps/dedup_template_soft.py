"""The template of a source: lines of 15 characters or more that occur ten times or more in it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from data_pipeline.steps import STEPS, SourceWide, Survey


@STEPS.register
class DedupTemplateSoft(SourceWide):
    step: Literal["dedup_template_soft"]
    shortest: int = Field(default=15, ge=1, description="characters of a line that can be a template's")
    least: int = Field(default=10, ge=2, description="times that it occurs in the source")

    def survey(self, scratch: Path) -> Survey:
        from data_pipeline.steps._templates import TemplateSurvey

        return TemplateSurvey(self.shortest, self.least, scratch)
