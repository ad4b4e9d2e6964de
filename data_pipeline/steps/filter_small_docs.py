"""Documents of few words. The published step counted the parts between single blanks, empty ones and all."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, Drop, Outcome, Step


@STEPS.register
class FilterSmallDocs(Step):
    step: Literal["filter_small_docs"]
    words: int = Field(default=15, ge=1, description="between white space, at least")

    def apply(self, document: Document) -> Outcome:
        words = len(document.text.split())
        return document.text if words >= self.words else Drop("too few words", f"{words} words")
