"""The names of ROOTS' measures, as they stand on a page and in a report."""

from __future__ import annotations

from typing import Literal

Measure = Literal[
    "words", "special_characters", "stop_words", "flagged_words", "word_repetition", "character_repetition", "language",
    "perplexity",
]  # fmt: skip
