"""Tags in place of personal data, and a count of what was found."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from data_pipeline.documents import Document
from data_pipeline.privacy.detector import Detector, is_natural, regions_of
from data_pipeline.privacy.masks import masked
from data_pipeline.privacy.people import People
from data_pipeline.steps import Outcome

if TYPE_CHECKING:
    from data_pipeline.steps.redact_personal_data import RedactPersonalData

_NAMES = {"ip": "IP_ADDRESS"}
_SAMPLES = 5  # of each kind


class Redact:
    def __init__(self, asked: RedactPersonalData, language: str | None) -> None:
        more = [People(language or "en", asked.entities, asked.score)] if asked.presidio else []
        regions = asked.regions or regions_of(language)
        kinds = [kind for kind in asked.kinds if kind != "user" or is_natural(language)]
        self._find = Detector(kinds, regions=regions, public_only=asked.public_only, more=more)
        self._tag = asked.tag
        self._found: Counter[str] = Counter()
        self._documents: Counter[str] = Counter()
        self._samples: dict[str, list[str]] = {}

    def __call__(self, document: Document) -> Outcome:
        text = document.text
        spans = self._find(text)
        if not spans:
            return text
        parts: list[str] = []
        place = 0
        for start, end, kind in spans:
            parts += (text[place:start], self._tag.replace("{kind}", _NAMES.get(kind, kind.upper())))
            place = end
            samples = self._samples.setdefault(kind, [])
            if len(samples) < _SAMPLES and (sample := masked(text[start:end], kind)) not in samples:
                samples.append(sample)
        self._found.update(span.kind for span in spans)
        self._documents.update({span.kind for span in spans})
        return "".join([*parts, text[place:]])

    def facts(self) -> dict[str, Any]:
        found = {
            kind: {"found": number, "documents": self._documents[kind], "samples": self._samples[kind]}
            for kind, number in sorted(self._found.items())
        }
        return {"personal_data": found}
