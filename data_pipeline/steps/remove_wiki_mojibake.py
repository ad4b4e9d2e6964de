"""Lines of a wiki whose encoding was lost: those with `À À`, as letters of another script became by wrong decoding."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, Outcome, Step


@STEPS.register
class RemoveWikiMojibake(Step):
    step: Literal["remove_wiki_mojibake"]
    signs: tuple[str, ...] = Field(default=("À À",), min_length=1)

    def apply(self, document: Document) -> Outcome:
        text = document.text
        if not any(sign in text for sign in self.signs):
            return text
        return "\n".join(line for line in text.split("\n") if not any(sign in line for sign in self.signs))
