"""The words whose n-grams two documents are compared by.

Runs of letters, digits and marks in small letters, whatever stands between them; where a script has no
spaces, each character. Unlike the words of the filters they keep their digits, or all pages of sums would be
copies of one another; and they are the same whatever language a source says, so that a copy is found in
another source.
"""

from __future__ import annotations

import numpy as np

from data_pipeline.measures.characters import ALONE, ATTACHED, WORD
from data_pipeline.measures.hashing import gram_hashes
from data_pipeline.measures.view import TextView, Words, view_of
from data_pipeline.measures.words import Spans


def shingles_of(text: str, n: int) -> np.ndarray:
    """uint32: a hash of each n-gram of words; none where there are fewer words than n."""
    return (gram_hashes(words_of(view_of(text)).ids, n) >> np.uint64(32)).astype(np.uint32)


def words_of(view: TextView) -> Words:
    lowered = view.lowered
    classes = lowered.classes
    inside = np.flatnonzero(classes & WORD)
    if not inside.size:
        return Words(lowered.codes, Spans(inside, inside))
    kinds = classes[inside]
    single = (kinds & (ALONE | ATTACHED)) != 0
    begins = np.ones(inside.size, bool)
    begins[1:] = (inside[1:] - inside[:-1] != 1) | (kinds[1:] & ALONE != 0) | (single[:-1] & ~single[1:])
    first = np.flatnonzero(begins)
    last = np.append(first[1:], inside.size) - 1
    return Words(lowered.codes, Spans(inside[first], inside[last] + 1))
