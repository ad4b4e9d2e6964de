"""Copies of a page that was crawled more than once: the first document of each address stays.

An address is compared without its query, its fragment and a slash at its end; the published step left out the
query only. A document without an address (`url` in its meta) is kept; the published step failed on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, Wide

if TYPE_CHECKING:
    import numpy as np

    from data_pipeline.surveys import ApplyMarked, SurveyOf


@STEPS.register
class DedupDocumentOnUrl(Wide):
    step: Literal["dedup_document_on_url"]
    copies: ClassVar[bool] = True
    field: str = Field(default="url", min_length=1, description="in the document's meta")

    def survey(self, language: str | None, turn: int) -> SurveyOf:
        from data_pipeline.steps._copies import survey_by

        return survey_by(self.address_of)

    def decide(self, rows: np.ndarray, turn: int) -> np.ndarray:
        from data_pipeline.dedup.groups import copies

        return copies(rows)

    def marked(self, language: str | None) -> ApplyMarked:
        from data_pipeline.steps._copies import dropped_as

        return dropped_as("copy")

    def address_of(self, document: Document) -> str | None:
        """Scheme, host and path."""
        url = document.meta.get(self.field)
        if not isinstance(url, str) or not url.strip():
            return None
        return url.strip().partition("#")[0].partition("?")[0].rstrip("/")
