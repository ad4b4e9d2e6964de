"""The list of references at the end of French theses and articles: the last lines that hold few stop words.

A line belongs to the text when more than `stop_words` of its words are stop words; everything behind the last such line goes. Words
are what stands between blanks, with their punctuation as in the published step (the `J.` of a name must not become a word), but
in small letters, so that `Les` counts. The list of words is that of `stopwordsiso`.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any, ClassVar, Literal

from pydantic import Field

from data_pipeline.steps import STEPS, Apply, Content, Step


@STEPS.register
class RemoveReferencesFr(Step):
    step: Literal["remove_references_fr"]
    content: ClassVar[frozenset[Content]] = frozenset({"text"})
    stop_words: float = Field(default=0.27, ge=0, le=1, description="share of a line's words, above which it is text")

    def signature(self) -> dict[str, Any]:
        return {**super().signature(), "stopwordsiso": metadata.version("stopwordsiso")}

    def begin(self, language: str | None) -> Apply:
        import stopwordsiso

        from data_pipeline.documents import Document

        listed = stopwordsiso.stopwords("fr")

        def is_text(line: str) -> bool:
            words = line.lower().split()
            return sum(word in listed for word in words) > self.stop_words * len(words)

        def apply(document: Document) -> str:
            lines = document.text.split("\n")
            kept = len(lines)
            while kept and not is_text(lines[kept - 1]):
                kept -= 1
            return document.text if kept == len(lines) else "\n".join(lines[:kept])

        return apply
