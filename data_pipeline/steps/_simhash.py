"""The work of `simhash_duplicates`: 64 bits of each document, and pairs that differ in few of them."""

from __future__ import annotations

import numpy as np

from data_pipeline.dedup.groups import marks_of, pairs_of
from data_pipeline.dedup.simhash import block_keys, fingerprint, near, windows, without_punctuation
from data_pipeline.documents import Document
from data_pipeline.measures.hashing import mixed
from data_pipeline.measures.view import view_of
from data_pipeline.surveys import Found, SurveyOf

_BLOCKS = 6


def fingerprints(window: int, *, words: bool, once: bool, distance: int) -> SurveyOf:
    """A row for each pair of blocks in which a near document must agree, its fingerprint beside the key."""
    values_of = _words if words else _characters

    def survey(document: Document, marks: np.ndarray) -> Found:
        hashes = windows(values_of(document.text), window)
        hashes = np.unique(hashes) if once else hashes
        if not hashes.size:
            return Found(np.zeros(0, np.uint64))
        bits = fingerprint(hashes)
        keys = block_keys(bits, _BLOCKS, distance)
        return Found(keys, np.full(keys.size, bits, np.uint64))

    return survey


def near_pairs(rows: np.ndarray, distance: int) -> np.ndarray:
    """A mark for each pair that differs in so few bits, about the later document."""
    one, other = (rows[places] for places in near(rows, distance))
    swapped = one["document"] < other["document"]
    return pairs_of(marks_of(np.where(swapped, other, one), np.where(swapped, one, other)))


def _characters(text: str) -> np.ndarray:
    return mixed(without_punctuation(text) + np.uint64(1))


def _words(text: str) -> np.ndarray:
    return view_of(text).words(without_spaces=False).ids
