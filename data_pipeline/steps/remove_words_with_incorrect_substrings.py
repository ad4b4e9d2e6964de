"""Addresses in running text: words with `http`, `www`, `.com`, `href` or `//` inside."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from data_pipeline.steps import STEPS, Apply, Step


@STEPS.register
class RemoveWordsWithIncorrectSubstrings(Step):
    step: Literal["remove_words_with_incorrect_substrings"]
    substrings: tuple[str, ...] = Field(default=("http", "www", ".com", "href", "//"), min_length=1)

    def begin(self, language: str | None) -> Apply:
        from data_pipeline.steps._words import stripped, without_words

        def suspect(part: str) -> bool:
            return any(substring in part for substring in self.substrings)

        return lambda document: without_words(document.text, suspect, lambda word: suspect(stripped(word)))
