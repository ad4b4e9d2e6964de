"""C4's rules: lines that end like sentences stay, pages of fewer than five sentences go (arXiv:1910.10683, section 2.2).

Lines and limits are datatrove's. Sentences are counted by their marks; datatrove asks a model for each language, so near the
limit of five the two can differ.
"""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from pydantic import Field

from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, Apply, Content, Drop, Outcome, Step

_CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
_ENDS = (".", "?", "!", '"', "'")
_POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")


@STEPS.register
class C4(Step):
    step: Literal["c4"]
    content: ClassVar[frozenset[Content]] = frozenset({"text"})
    min_sentences: int = Field(default=5, ge=0)
    min_words: int = Field(default=3, ge=0, description="of a line")
    longest_word: int = Field(default=1000, ge=1, description="a line with a longer one goes")

    def begin(self, language: str | None) -> Apply:
        from data_pipeline.measures.lines import sentences

        def apply(document: Document) -> Outcome:
            text = document.text
            small = text.lower()
            script, policy = "javascript" in small, any(phrase in small for phrase in _POLICY)
            lorem, bracket, citation = "lorem ipsum" in small, "{" in text, "[" in text
            kept, number = [], 0
            for line in map(str.strip, text.splitlines()):
                words = line.split()
                if len(line) > self.longest_word and any(len(word) > self.longest_word for word in words):
                    continue
                if citation:
                    line = _CITATION.sub("", line)
                if not line.endswith(_ENDS) or line.endswith("...") or len(words) < self.min_words:
                    continue
                if lorem and "lorem ipsum" in line.lower():
                    return Drop("lorem ipsum")
                if script and "javascript" in line.lower():
                    continue
                if bracket and "{" in line:
                    return Drop("curly bracket")
                if policy and any(phrase in line.lower() for phrase in _POLICY):
                    continue
                number += sentences(line)
                kept.append(line)
            if number < self.min_sentences:
                return Drop("too few sentences", f"{number} sentences")
            return "\n".join(kept).strip()

        return apply
