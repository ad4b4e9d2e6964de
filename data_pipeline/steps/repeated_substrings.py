"""Text that stood before, in the same document or in any other: every run of 50 bytes or more is cut, its
first occurrence stays whole.

Lee et al. (2022), "Deduplicating Training Data Makes Language Models Better", 4.1, and ROOTS after it, by a
suffix array of the whole corpus in memory, which took a day for English and gutted documents: some tools cut
the first occurrence too. Here, exactly and on disk, in two turns. The first finds places whose surroundings
may occur twice (`dedup/winnow.py`), the second compares every window of `bytes` bytes around them by 128
bits. What goes are the bytes that lie in a window which stood before and in none that comes again and stands
here first; a character goes when all its bytes do. So each window that occurs several times still stands
where it did first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from data_pipeline.steps import STEPS, Wide

if TYPE_CHECKING:
    import numpy as np

    from data_pipeline.surveys import ApplyMarked, SurveyOf


@STEPS.register
class RepeatedSubstrings(Wide):
    step: Literal["repeated_substrings"]
    turns: ClassVar[int] = 2
    across: ClassVar[bool] = True
    bytes: int = Field(default=50, ge=8, description="of the shortest text that is cut, in UTF-8")
    shortest_document: int = Field(default=0, ge=0, description="characters; shorter ones are left alone (ROOTS: 6000)")

    def survey(self, language: str | None, turn: int) -> SurveyOf:
        from data_pipeline.steps._substrings import fingerprints, windows

        return windows(self.bytes) if turn else fingerprints(self.bytes, self.shortest_document)

    def decide(self, rows: np.ndarray, turn: int) -> np.ndarray:
        from data_pipeline.dedup.groups import frequent

        return frequent(rows, 2, self.bytes if turn else 0)

    def marked(self, language: str | None) -> ApplyMarked:
        from data_pipeline.steps._substrings import without_later_copies

        return without_later_copies
