"""Pages without text, and what other steps left empty."""

from __future__ import annotations

from typing import Literal

from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, Drop, Outcome, Step


@STEPS.register
class FilterRemoveEmptyDocs(Step):
    step: Literal["filter_remove_empty_docs"]

    def apply(self, document: Document) -> Outcome:
        return Drop("empty") if not document.text or document.text.isspace() else document.text
