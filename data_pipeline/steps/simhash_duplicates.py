"""Documents whose SimHash differs in at most four of 64 bits from that of an earlier one, in any source: the
first of each cluster stays.

As ROOTS did with OSCAR: windows of six characters of the text in small letters without punctuation; in
English, windows of six words. Mended (`dedup/simhash.py`): the last window counts, and so does a text shorter
than a window; the published code found all texts of six characters or fewer alike. It also counted a window
as often as it occurs, so pages with rulers and indents were all alike: of 2,000 pages of documentation it
took 374 for copies, and 344 of them had less than a tenth of their word 5-grams in common with their first.
Counted once each (`counted: once`), 33 are found, all of them with nine tenths in common; `counted: each` is
as published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from data_pipeline.steps import STEPS, Wide

if TYPE_CHECKING:
    import numpy as np

    from data_pipeline.surveys import ApplyMarked, SidesOf, SurveyOf


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
        from data_pipeline.steps._simhash import fingerprints

        return fingerprints(
            self.window, words=language in self.by_words, once=self.counted == "once", distance=self.distance
        )

    def decide(self, rows: np.ndarray, turn: int) -> np.ndarray:
        from data_pipeline.steps._simhash import near_pairs

        return near_pairs(rows, self.distance)

    def join(self, marks: np.ndarray, sides: SidesOf) -> np.ndarray:
        from data_pipeline.dedup.groups import clusters, pairs_of

        return clusters(pairs_of(marks))

    def marked(self, language: str | None) -> ApplyMarked:
        from data_pipeline.steps._copies import dropped_as

        return dropped_as("near duplicate")
