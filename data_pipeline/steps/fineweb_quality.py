"""FineWeb's rules on top of C4's: lines that end, that are long, that are not copies, and not too many of them.

The measures and limits are datatrove's (arXiv:2406.17557, section 3.6).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, Apply, Content, Drop, Outcome, Step


@STEPS.register
class FinewebQuality(Step):
    step: Literal["fineweb_quality"]
    content: ClassVar[frozenset[Content]] = frozenset({"text"})
    ended_lines: float = Field(default=0.12, ge=0, le=1, description="share of lines that end like a sentence, at least")
    short_lines: float = Field(default=0.67, ge=0, le=1, description="share of lines of at most `short` characters, at most")
    short: int = Field(default=30, ge=1)
    copied_characters: float = Field(default=0.01, ge=0, le=1)
    lines_per_word: float = Field(default=0.3, ge=0)

    def begin(self, language: str | None) -> Apply:
        from data_pipeline.measures.lines import copies, ended
        from data_pipeline.measures.view import view_of

        def apply(document: Document) -> Outcome:
            view = view_of(document.text)
            lines = [line for line in view.lines if line and not line.isspace()]
            if not lines:
                return Drop("empty")
            if ended(lines) / len(lines) < self.ended_lines:
                return Drop("few lines end")
            if sum(len(line) <= self.short for line in lines) / len(lines) > self.short_lines:
                return Drop("short lines")
            feeds = len(view.lines) - 1
            if copies(lines)[1] / (len(view.text) - feeds) > self.copied_characters:
                return Drop("copied lines")
            if feeds / max(1, len(view.tokens)) > self.lines_per_word:
                return Drop("a list")
            return document.text

        return apply
