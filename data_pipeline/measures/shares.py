"""Shares of a text: special characters, words of a list."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_pipeline.measures.characters import SPECIAL
from data_pipeline.measures.hashing import HashSet, joined, prefixes
from data_pipeline.measures.view import TextView, Words


@dataclass(frozen=True, slots=True)
class Pairs:
    """Lists of Vietnamese and Chinese hold words of two syllables; `between` stands between them."""

    between: str


def special_share(view: TextView) -> float:
    """Special characters among all characters (ROOTS)."""
    codes = view.codes
    return int(np.count_nonzero(view.classes & SPECIAL)) / codes.size if codes.size else 0.0


def listed_share(words: Words, listed: HashSet, pairs: Pairs | None = None) -> float:
    """Words, and pairs of neighbours if asked for, that are on a list, over words; at most 1."""
    if not len(words):
        return 0.0
    hits = listed.count(words.hashes, words.prefixes)
    if pairs is not None and len(words) > 1:
        both = joined(words.hashes[:-1], words.lengths[:-1], pairs.between, words.hashes[1:])
        hits += listed.count(both, prefixes(both))
    return min(hits / len(words), 1.0)
