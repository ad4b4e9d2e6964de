"""Words that no language has: identifiers, encoded data, lines without blanks.

The longest word that stays is the published one of the language, unless the page says it. Chinese, and every language
that ROOTS had no row for, has no such limit.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from data_pipeline.steps import STEPS, Apply, Step


@STEPS.register
class RemoveLongWords(Step):
    step: Literal["remove_long_words"]
    language: str | None = Field(default=None, description="default: the source's")
    longest: int | None = Field(default=None, ge=1, description="characters; default: the published limit of the language")

    def problem(self, language: str | None) -> str | None:
        return "needs a language or `longest`" if not (self.longest or self.language or language) else None

    def begin(self, language: str | None) -> Apply:
        from data_pipeline.steps._words import stripped, without_words

        longest = self._limit(language)
        if longest is None:
            return lambda document: document.text

        def suspect(part: str) -> bool:
            return max(map(len, part.replace("\n", " ").replace("\t", " ").split(" "))) > longest

        def bad(word: str) -> bool:
            return len(word) > longest and not 0 < len(stripped(word)) <= longest

        return lambda document: without_words(document.text, suspect, bad)

    def notes(self, language: str | None) -> list[str]:
        named = self.language or language
        return [f"no limit on words is published for {named!r}; none was taken out"] if self._limit(language) is None else []

    def _limit(self, language: str | None) -> int | None:
        from data_pipeline.measures.thresholds import thresholds_of

        return self.longest or thresholds_of(self.language or language or "").longest_word
