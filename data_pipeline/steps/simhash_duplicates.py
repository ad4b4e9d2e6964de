"""Documents whose SimHash differs in at most four of 64 bits from that of an earlier one, in any source: the
first of each cluster stays.

As ROOTS did with OSCAR: windows of six characters of the text in small letters without punctuation; in
English, windows of six words. Mended (`dedup/simhash.py`): the last window counts, and so does a text shorter
than a window; the published code found all texts of six characters or fewer alike. It also counted a window
as often as it occurs, so pages with rulers and indents were all alike: of 2,000 pages of documentation it
took 374 for copies, and 343 of them had less than a tenth of their word 5-grams in common with their first.
Counted once each (`counted: once`), 33 are found, all of them with nine tenths in common; `counted: each` is
as published.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from data_pipeline.dedup.groups import clusters, marks_of, pairs_of
from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, ApplyMarked, Found, SidesOf, SurveyOf, Wide
from data_pipeline.steps._copies import dropped_as

_BLOCKS = 6


@STEPS.register
class SimhashDuplicates(Wide):
    step: Literal["simhash_duplicates"]
    copies: ClassVar[bool] = True
    across: ClassVar[bool] = True
    window: int = Field(default=6, ge=1, description="characters, or words")
    by_words: tuple[str, ...] = Field(default=("en",), description="languages whose windows are of words")
    counted: Literal["once", "each"] = Field(default="once", description="a window that occurs several times")
    distance: Literal[1, 2, 3, 4, 5] = Field(default=4, description="bits of 64 in which two may differ")

    def survey(self, language: str | None, turn: int) -> SurveyOf:
        from data_pipeline.dedup.simhash import block_keys, fingerprint, windows

        values_of = _words if language in self.by_words else _characters

        def survey(document: Document, marks: np.ndarray) -> Found:
            hashes = windows(values_of(document.text), self.window)
            hashes = np.unique(hashes) if self.counted == "once" else hashes
            if not hashes.size:
                return Found(np.zeros(0, np.uint64))
            bits = fingerprint(hashes)
            keys = block_keys(bits, _BLOCKS, self.distance)
            return Found(keys, np.full(keys.size, bits, np.uint64))

        return survey

    def decide(self, rows: np.ndarray, turn: int) -> np.ndarray:
        from data_pipeline.dedup.simhash import near

        one, other = (rows[places] for places in near(rows, self.distance))
        swapped = one["document"] < other["document"]
        return pairs_of(marks_of(np.where(swapped, other, one), np.where(swapped, one, other)))

    def join(self, marks: np.ndarray, sides: SidesOf) -> np.ndarray:
        return clusters(pairs_of(marks))

    def marked(self, language: str | None) -> ApplyMarked:
        return dropped_as("near duplicate")


def _characters(text: str) -> np.ndarray:
    from data_pipeline.dedup.simhash import without_punctuation
    from data_pipeline.measures.hashing import mixed

    return mixed(without_punctuation(text) + np.uint64(1))


def _words(text: str) -> np.ndarray:
    from data_pipeline.measures.view import view_of

    return view_of(text).words(without_spaces=False).ids
