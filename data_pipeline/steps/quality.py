"""ROOTS' quality filter: is it prose, in the language that it is said to be, and not the same thing again and again.

Limits are the published ones of the language; `thresholds` replaces some, `skip` leaves checks out. What cannot be checked,
for want of a word list, a model or an identifier that knows the language, is said in the report instead of passing silently.
Put `uniform_whitespace`, `remove_words_with_incorrect_substrings` and `remove_long_words` before it, as ROOTS did.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from data_pipeline.files import sha256_of
from data_pipeline.measures.names import Measure
from data_pipeline.steps import STEPS, Apply, Content, Step
from orchestrator.errors import PageError, Problem
from orchestrator.pages import Section


class Limits(Section):
    """What replaces the published limits; shares are between 0 and 1."""

    min_words: int | None = Field(default=None, ge=0)
    max_words: int | None = Field(default=None, ge=1)
    character_gram: int | None = Field(default=None, ge=1)
    character_repetition: float | None = Field(default=None, ge=0, le=1)
    word_gram: int | None = Field(default=None, ge=1)
    word_repetition: float | None = Field(default=None, ge=0, le=1)
    special_characters: float | None = Field(default=None, ge=0, le=1)
    stop_words: float | None = Field(default=None, ge=0, le=1)
    flagged_words: float | None = Field(default=None, ge=0, le=1)
    language_score: float | None = Field(default=None, ge=0, le=1)
    perplexity: float | None = Field(default=None, gt=0)


class Model(Section):
    """A KenLM model and the SentencePiece model it was trained with; both packages must be installed."""

    kenlm: str = Field(min_length=1)
    sentencepiece: str = Field(min_length=1)


@STEPS.register
class Quality(Step):
    step: Literal["quality"]
    version: ClassVar[int] = 2
    content: ClassVar[frozenset[Content]] = frozenset({"text"})
    language: str | None = Field(default=None, description="default: the source's")
    language_field: str | None = Field(default=None, description="in the meta of documents that each say their language")
    thresholds: Limits = Limits()
    skip: tuple[Measure, ...] = ()
    stop_words: str | None = Field(default=None, description="a file of one's own, one word a line")
    flagged_words: str | None = Field(default=None, description="a file, one word a line; without it they are not checked")
    perplexity: Model | None = None
    report: bool = Field(default=False, description="measure everything of every document; quantiles go into the report")

    def anchored(self, folder: Path) -> Quality:
        changed: dict[str, Any] = {
            name: str(folder / path) for name in ("stop_words", "flagged_words") if (path := getattr(self, name)) is not None
        }
        if self.perplexity is not None:
            said = self.perplexity
            paths = {"kenlm": str(folder / said.kenlm), "sentencepiece": str(folder / said.sentencepiece)}
            changed["perplexity"] = said.model_copy(update=paths)
        return self.model_copy(update=changed)

    def signature(self) -> dict[str, Any]:
        for path in self._files():
            if path is not None and not Path(path).is_file():
                raise PageError([Problem(file=path, path="quality", message="there is no such file")])
        packages = {name: metadata.version(name) for name in ("py3langid", "stopwordsiso")}
        return {**super().signature(), "files": [sha256_of(Path(path)) if path else None for path in self._files()], **packages}

    def problem(self, language: str | None) -> str | None:
        return None if self.language or self.language_field or language else "needs a language"

    def begin(self, language: str | None) -> Apply:
        from data_pipeline.steps._judge import Judge

        return Judge(self, self.language or language)

    def notes(self, language: str | None) -> list[str]:
        from data_pipeline.steps._judge import unchecked

        named = self.language or language
        return unchecked(self, named) if named else []

    def merged(self, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The quantiles of each measure over all blocks."""
        from data_pipeline.measures.quantiles import quantiles

        names = dict.fromkeys(name for each in facts for name in each)
        return {name: quantiles([each[name] for each in facts if name in each]) for name in names}

    def _files(self) -> list[str | None]:
        model = self.perplexity
        return [self.stop_words, self.flagged_words, *((model.kenlm, model.sentencepiece) if model else ())]
