"""Names of people and places, by Presidio: a model that reads, not a pattern; slow, and only where a page asks for it.

Presidio and its spaCy models are large and are not installed with this project, so they are imported when a page says
`presidio: true`.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from data_pipeline.privacy.found import Span
from orchestrator.errors import CommandError

PACKAGE = "presidio-analyzer"
_INSTALL = "pip install presidio-analyzer==2.2.366 && python -m spacy download en_core_web_lg"


def installed() -> str:
    """The version of Presidio. Raises CommandError where it is not installed."""
    if find_spec("presidio_analyzer") is None:
        raise CommandError(f"`presidio: true` needs the package {PACKAGE} and a spaCy model; fix: {_INSTALL}")
    return metadata.version(PACKAGE)


class People:
    """The given entities of Presidio (`PERSON`, `LOCATION`, ...), those that it is at least so sure of."""

    def __init__(self, language: str, entities: tuple[str, ...], score: float) -> None:
        installed()
        import presidio_analyzer

        self._engine: Any = presidio_analyzer.AnalyzerEngine()
        known = list(self._engine.supported_languages)
        if language not in known:
            raise CommandError(
                f"presidio has no model for {language!r} (it has: {', '.join(known)}); fix: leave `presidio` out for this source"
            )
        self._language = language
        self._entities = list(entities)
        self._score = score

    def __call__(self, text: str) -> Iterator[Span]:
        found = self._engine.analyze(text=text, language=self._language, entities=self._entities, score_threshold=self._score)
        for result in sorted(found, key=lambda result: (result.start, -result.end)):
            yield Span(result.start, result.end, result.entity_type.lower())
