"""One sentence a line, for collections whose lines mean nothing: subtitles, scanned books, texts in one line.

ROOTS split with four packages, by language, three of which download models. Here `sentencex` of the Wikimedia foundation does: rules
and abbreviations for some 300 languages inside the package, others by their nearest relative. Nothing but white space changes.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any, ClassVar, Literal

from pydantic import Field

from data_pipeline.steps import STEPS, Apply, Content, Step

_NAMES = {"zhs": "zh", "zht": "zh", "nb": "no"}


@STEPS.register
class SplitSentences(Step):
    step: Literal["split_sentences"]
    content: ClassVar[frozenset[Content]] = frozenset({"text"})
    language: str | None = Field(default=None, description="default: the source's")

    def signature(self) -> dict[str, Any]:
        return {**super().signature(), "sentencex": metadata.version("sentencex")}

    def problem(self, language: str | None) -> str | None:
        return None if self.language or language else "needs a language"

    def begin(self, language: str | None) -> Apply:
        from sentencex import segment

        named = self.language or language or ""
        code = _NAMES.get(named, named)
        return lambda document: "\n".join(part for sentence in segment(code, document.text) if (part := sentence.strip()))
