"""What `Wide` steps exchange with whoever runs them: rows, marks, and what a survey adds of one document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data_pipeline.documents import Document
from data_pipeline.steps import Outcome

ROWS = np.dtype([("key", "<u8"), ("low", "<u8"), ("document", "<u8"), ("at", "<u4")])
"""What documents are compared by: 128 bits of a key (two columns), whose it is, and where in that document."""

MARKS = np.dtype([("document", "<u8"), ("at", "<u4"), ("size", "<u4"), ("first", "<u8"), ("first_at", "<u4")])
"""What was decided of a document: about its part from `at`, `size` long, and which document the same stands in first."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one document adds to a survey. `low` and `at` may be left out where they are all 0."""

    key: np.ndarray
    """uint64 [rows]"""
    low: np.ndarray | None = None
    """uint64 [rows]"""
    at: np.ndarray | None = None
    """uint32 [rows]"""
    side: np.ndarray | None = None
    """What `join` will want to know of this document; the same dtype and shape for all documents of the step."""


SurveyOf = Callable[[Document, np.ndarray], Found]
"""(a document, the MARKS of the turn before about it) -> what it adds."""

ApplyMarked = Callable[[Document, np.ndarray], Outcome]
"""(a document, the MARKS of the last turn about it, by `at`) -> what becomes of it."""

SidesOf = Callable[[np.ndarray], np.ndarray]
"""uint64 [n] documents -> their `side` [n, ...]"""
