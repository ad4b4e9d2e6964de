"""Pages of a wiki that are no articles: templates, redirects, talk (`type` in the document's meta is not `text`)."""

from __future__ import annotations

from typing import Literal

from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, Drop, Outcome, Step


@STEPS.register
class FilterWikiNonTextType(Step):
    """A document without a type is dropped too, under its own reason; the published step failed on it."""

    step: Literal["filter_wiki_non_text_type"]

    def apply(self, document: Document) -> Outcome:
        kind = document.meta.get("type")
        if kind == "text":
            return document.text
        return Drop("no type") if kind is None else Drop("no text", str(kind))
