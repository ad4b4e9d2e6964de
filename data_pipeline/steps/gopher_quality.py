"""Gopher's rules for prose: enough words, of usual length, few symbols, no lists, some stop words (arXiv:2112.11446, A1.1).

The measures and limits are datatrove's; words are found by one rule for all languages. The stop words are English.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from data_pipeline.steps import STEPS, Apply, Content, Step


@STEPS.register
class GopherQuality(Step):
    step: Literal["gopher_quality"]
    content: ClassVar[frozenset[Content]] = frozenset({"text"})
    min_words: int = Field(default=50, ge=1, description="that are no punctuation")
    max_words: int = Field(default=100_000, ge=1)
    min_mean_length: float = Field(default=3, ge=0, description="characters of a word")
    max_mean_length: float = Field(default=10, gt=0)
    symbols: float = Field(default=0.1, ge=0, description="hashes, or ellipses, for each word")
    bullet_lines: float = Field(default=0.9, ge=0, le=1)
    ellipsis_lines: float = Field(default=0.3, ge=0, le=1)
    alphabetic_words: float = Field(default=0.8, ge=0, le=1, description="share of words with a letter, at least")
    min_stop_words: int = Field(default=2, ge=0, description="different ones")
    stop_words: tuple[str, ...] = ("the", "be", "to", "of", "and", "that", "have", "with")

    def begin(self, language: str | None) -> Apply:
        from data_pipeline.steps._gopher import QualityRules

        return QualityRules(self)

    def notes(self, language: str | None) -> list[str]:
        english = self.stop_words == GopherQuality.model_fields["stop_words"].default
        foreign = language not in (None, "en") and english and self.min_stop_words
        return [f"its stop words are English, the source is said to be {language!r}"] if foreign else []
