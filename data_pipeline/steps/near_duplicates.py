"""Documents that have most of their n-grams of words in common with an earlier one, in any source: the first
of each cluster stays.

MinHash with bands (`dedup/minhash.py`) over words that are the same whatever language a source says
(`dedup/shingles.py`). Documents that share a band are candidates; those whose signatures agree in `threshold`
of all places are near, and whatever a chain of near ones connects is one cluster. A document of fewer than
`ngram` words is not compared; `exact_copies` is for those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from data_pipeline.steps import STEPS, Wide

if TYPE_CHECKING:
    import numpy as np

    from data_pipeline.surveys import ApplyMarked, SidesOf, SurveyOf


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
        from data_pipeline.steps._near import signed

        return signed(self.ngram, self.bands, self.rows)

    def decide(self, rows: np.ndarray, turn: int) -> np.ndarray:
        from data_pipeline.dedup.groups import neighbours, pairs_of

        return pairs_of(neighbours(rows))

    def join(self, marks: np.ndarray, sides: SidesOf) -> np.ndarray:
        from data_pipeline.steps._near import near_clusters

        return near_clusters(marks, sides, self.threshold)

    def marked(self, language: str | None) -> ApplyMarked:
        from data_pipeline.steps._copies import dropped_as

        return dropped_as("near duplicate")
