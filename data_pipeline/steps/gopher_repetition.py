"""Gopher's rules against repetition: lines, paragraphs and word n-grams that come again (arXiv:2112.11446, table A1).

The measures are datatrove's: characters of copies over all characters, of the most frequent n-gram for n = 2 to 4, and of
all n-grams that came before for n = 5 to 10. N-grams are compared word by word; datatrove joins the words of the longer
ones first, so `ab c` equals `a bc` there. Words are found by one rule for all languages (`measures/words.py`, tokens).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from data_pipeline.steps import STEPS, Apply, Content, Step
from orchestrator.pages import Section


class TopGrams(Section):
    two: float = Field(default=0.2, ge=0, le=1)
    three: float = Field(default=0.18, ge=0, le=1)
    four: float = Field(default=0.16, ge=0, le=1)


class RepeatedGrams(Section):
    five: float = Field(default=0.15, ge=0, le=1)
    six: float = Field(default=0.14, ge=0, le=1)
    seven: float = Field(default=0.13, ge=0, le=1)
    eight: float = Field(default=0.12, ge=0, le=1)
    nine: float = Field(default=0.11, ge=0, le=1)
    ten: float = Field(default=0.10, ge=0, le=1)


@STEPS.register
class GopherRepetition(Step):
    step: Literal["gopher_repetition"]
    content: ClassVar[frozenset[Content]] = frozenset({"text"})
    lines: float = Field(default=0.3, ge=0, le=1, description="share of lines that are copies, at most")
    paragraphs: float = Field(default=0.3, ge=0, le=1)
    line_characters: float = Field(default=0.2, ge=0, le=1)
    paragraph_characters: float = Field(default=0.2, ge=0, le=1)
    top_grams: TopGrams = TopGrams()
    repeated_grams: RepeatedGrams = RepeatedGrams()

    def begin(self, language: str | None) -> Apply:
        from data_pipeline.steps._gopher import RepetitionRules

        top, repeated = self.top_grams, self.repeated_grams
        return RepetitionRules(
            lines=self.lines,
            paragraphs=self.paragraphs,
            line_characters=self.line_characters,
            paragraph_characters=self.paragraph_characters,
            top_grams=tuple(enumerate((top.two, top.three, top.four), 2)),
            repeated_grams=tuple(enumerate(repeated.model_dump().values(), 5)),
        )
