"""Lines of markup that text extraction left in."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, Outcome, Step


@STEPS.register
class RemoveHtmlSpans(Step):
    step: Literal["remove_html_spans"]
    signs: tuple[str, ...] = Field(
        default=("<span", "</span>", "<div", "</div>", "<a", "</a>", "br>"), min_length=1, description="of markup in a line"
    )

    def apply(self, document: Document) -> Outcome:
        text = document.text
        if not any(sign in text for sign in self.signs):
            return text
        return "\n".join(line for line in text.split("\n") if not any(sign in line for sign in self.signs))
