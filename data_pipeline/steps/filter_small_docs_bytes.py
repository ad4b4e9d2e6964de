"""Short documents: stubs, redirects, captions. ROOTS asks for 1024 bytes in large languages, 300 in others."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, Drop, Outcome, Step
from orchestrator.pages import Bytes


@STEPS.register
class FilterSmallDocsBytes(Step):
    step: Literal["filter_small_docs_bytes"]
    bytes: Annotated[Bytes, Field(ge=1, description="of UTF-8, at least")]

    def apply(self, document: Document) -> Outcome:
        text = document.text
        if len(text) >= self.bytes:
            return text
        size = len(text.encode())
        return text if size >= self.bytes else Drop("too small", f"{size} bytes")
