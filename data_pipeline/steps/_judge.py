"""The checks of a `quality` step, made once for each language that its documents are in."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_pipeline.documents import Document
from data_pipeline.measures.languages import identifies
from data_pipeline.measures.perplexity import Perplexity
from data_pipeline.measures.quantiles import Quantiles
from data_pipeline.measures.roots import Check, checks
from data_pipeline.measures.thresholds import thresholds_of
from data_pipeline.measures.view import TextView, view_of
from data_pipeline.measures.wordlists import stop_words, words_of_file
from data_pipeline.steps import Drop, Outcome

if TYPE_CHECKING:
    from data_pipeline.steps.quality import Quality

_TELLING = ("language", "word_repetition", "character_repetition")


class Judge:
    """Keeps or drops; with `report` it also gathers the quantiles of each measure."""

    def __init__(self, asked: Quality, language: str | None) -> None:
        self._asked = asked
        self._language = language
        self._checks: dict[str, tuple[Check, ...]] = {}
        self._quantiles: defaultdict[str, Quantiles] = defaultdict(Quantiles)

    def __call__(self, document: Document) -> Outcome:
        language = self._language_of(document)
        if language is None:
            return Drop("no language")
        if language not in self._checks:
            self._checks[language] = checks_of(self._asked, language)
        view = view_of(document.text)
        if self._asked.report:
            for check in self._checks[language]:
                self._quantiles[check.name].add(check.value(view))
        for check in self._checks[language]:
            failure = check.failure(view)
            if failure is not None:
                return self._told(language, check, failure, view)
        return document.text

    def _told(self, language: str, failed: Check, failure: str, view: TextView) -> Drop:
        """Few stop words come with other faults: another language, one phrase again and again. Those are told first."""
        if failed.name == "stop_words":
            for check in self._checks[language]:
                if check.name in _TELLING and (other := check.failure(view)) is not None:
                    return Drop(check.name, other)
        return Drop(failed.name, failure)

    def facts(self) -> dict[str, Any]:
        return {name: quantiles.state() for name, quantiles in self._quantiles.items()}

    def _language_of(self, document: Document) -> str | None:
        named = document.meta.get(self._asked.language_field) if self._asked.language_field else None
        return named.lower().partition("-")[0] if isinstance(named, str) and named else self._language


def checks_of(asked: Quality, language: str) -> tuple[Check, ...]:
    """The checks that the page asks for in this language."""
    limits = replace(thresholds_of(language), **asked.thresholds.model_dump(exclude_none=True))
    made = checks(
        limits,
        language=language,
        stop_words=words_of_file(asked.stop_words) if asked.stop_words else stop_words(language),
        flagged_words=words_of_file(asked.flagged_words) if asked.flagged_words else None,
        identified=identifies(language),
        perplexity=_model(asked.perplexity.kenlm, asked.perplexity.sentencepiece) if asked.perplexity else None,
    )
    return tuple(check for check in made if check.name not in asked.skip)


def unchecked(asked: Quality, language: str) -> list[str]:
    """What is not checked in this language, and why."""
    found = {
        "stop_words": not asked.stop_words and stop_words(language) is None and f"no stop words for {language!r}; not checked",
        "flagged_words": not asked.flagged_words and "no file of flagged words is named; not checked",
        "language": not identifies(language) and f"the identifier does not know {language!r}; the source's word is trusted",
    }
    return [note for name, note in found.items() if note and name not in asked.skip]


@cache
def _model(kenlm: str, sentencepiece: str) -> Perplexity:
    return Perplexity(Path(kenlm), Path(sentencepiece))
