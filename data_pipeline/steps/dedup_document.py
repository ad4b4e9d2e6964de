"""Copies of a document within its source, told by their letters alone: the first one stays.

White space, digits and ASCII punctuation are left out before comparing, so pages that differ in a date or a counter
are copies. A document without any letter is its own copy only if all of it is equal; in the published step all such
documents were copies of one another. The published step also blanked a copy's text; here the document is dropped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, SourceWide, Survey


@STEPS.register
class DedupDocument(SourceWide):
    step: Literal["dedup_document"]

    def survey(self, scratch: Path) -> Survey:
        from data_pipeline.steps._copies import CopySurvey

        return CopySurvey(letters_of, scratch)


def letters_of(document: Document) -> str:
    """What two copies have in common."""
    from data_pipeline.measures.characters import code_points, letters

    codes = code_points(document.text)
    return codes[letters()[codes]].tobytes().decode("utf-32-le", "surrogatepass") or document.text.strip()
