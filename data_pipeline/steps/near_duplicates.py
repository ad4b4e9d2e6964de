"""Documents that have most of their n-grams of words in common with an earlier one, in any source: the first
of each cluster stays.

MinHash with bands (`dedup/minhash.py`) over words that are the same whatever language a source says
(`dedup/shingles.py`). Documents that share a band are candidates; those whose signatures agree in `threshold`
of all places are near, and whatever a chain of near ones connects is one cluster. A document of fewer than
`ngram` words is not compared; `exact_copies` is for those.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from data_pipeline.dedup.groups import clusters, neighbours, pairs_of
from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, ApplyMarked, Found, SidesOf, SurveyOf, Wide
from data_pipeline.steps._copies import dropped_as

_PAIRS = 1 << 16  # judged at a time; a signature of each side is in memory


@STEPS.register
class NearDuplicates(Wide):
    step: Literal["near_duplicates"]
    copies: ClassVar[bool] = True
    across: ClassVar[bool] = True
    ngram: int = Field(default=5, ge=1, description="words; characters in scripts without spaces")
    bands: int = Field(default=14, ge=1, description="documents that agree in one are candidates")
    rows: int = Field(default=8, ge=1, description="of the signature, in each band")
    threshold: float = Field(default=0.8, gt=0, le=1, description="estimated share of n-grams in common")

    def survey(self, language: str | None, turn: int) -> SurveyOf:
        from data_pipeline.dedup.minhash import band_keys, signature
        from data_pipeline.dedup.shingles import shingles_of

        def survey(document: Document, marks: np.ndarray) -> Found:
            shingles = shingles_of(document.text, self.ngram)
            side = signature(shingles, self.bands * self.rows)
            return Found(band_keys(side, self.bands) if shingles.size else np.zeros(0, np.uint64), side=side)

        return survey

    def decide(self, rows: np.ndarray, turn: int) -> np.ndarray:
        return pairs_of(neighbours(rows))

    def join(self, marks: np.ndarray, sides: SidesOf) -> np.ndarray:
        from data_pipeline.dedup.minhash import agreement

        pairs = pairs_of(marks)
        near = [np.zeros(0, bool)]
        for start in range(0, pairs.size, _PAIRS):
            some = pairs[start : start + _PAIRS]
            near.append(agreement(sides(some["document"]), sides(some["first"])) >= self.threshold)
        return clusters(pairs[np.concatenate(near)])

    def marked(self, language: str | None) -> ApplyMarked:
        return dropped_as("near duplicate")
