"""The work of `near_duplicates`: a signature of each document, and clusters of those whose signatures agree."""

from __future__ import annotations

import numpy as np

from data_pipeline.dedup.groups import clusters, pairs_of
from data_pipeline.dedup.minhash import agreement, band_keys, signature
from data_pipeline.dedup.shingles import shingles_of
from data_pipeline.documents import Document
from data_pipeline.surveys import Found, SidesOf, SurveyOf

_PAIRS = 1 << 16  # judged at a time; a signature of each side is in memory


def signed(ngram: int, bands: int, rows: int) -> SurveyOf:
    """A row for each band of a document's signature, which goes along as its side."""

    def survey(document: Document, marks: np.ndarray) -> Found:
        shingles = shingles_of(document.text, ngram)
        side = signature(shingles, bands * rows)
        return Found(band_keys(side, bands) if shingles.size else np.zeros(0, np.uint64), side=side)

    return survey


def near_clusters(marks: np.ndarray, sides: SidesOf, threshold: float) -> np.ndarray:
    """Candidate pairs -> a mark for each document but the first of every cluster."""
    pairs = pairs_of(marks)
    near = [np.zeros(0, bool)]
    for start in range(0, pairs.size, _PAIRS):
        some = pairs[start : start + _PAIRS]
        near.append(agreement(sides(some["document"]), sides(some["first"])) >= threshold)
    return clusters(pairs[np.concatenate(near)])
