"""Addresses in running text: words with `http`, `www`, `.com`, `href` or `//` inside."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, Apply, Outcome, Step


@STEPS.register
class RemoveWordsWithIncorrectSubstrings(Step):
    step: Literal["remove_words_with_incorrect_substrings"]
    substrings: tuple[str, ...] = Field(default=("http", "www", ".com", "href", "//"), min_length=1)

    def begin(self, language: str | None) -> Apply:
        from data_pipeline.steps._words import stripped, without_words

        suspects = re.compile("|".join(map(re.escape, self.substrings)))

        def apply(document: Document) -> Outcome:
            return without_words(document.text, suspects, lambda word: suspects.search(stripped(word)) is not None)

        return apply
