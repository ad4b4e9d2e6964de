"""The words whose n-grams two documents are compared by.

Runs of letters, digits and marks in small letters, whatever stands between them; where a script has no
spaces, each character. Unlike the words of the filters they keep their digits, or all pages of sums would be
copies of one another; and they are the same whatever language a source says, so that a copy is found in
another source.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from data_pipeline.measures.characters import ALONE, ATTACHED, WORD
from data_pipeline.measures.hashing import gram_hashes
from data_pipeline.measures.view import TextView, Words, view_of
from data_pipeline.measures.words import Spans

_PIECE = 1 << 20  # characters; what is found of a text takes some fifty bytes for each


def shingles_of(text: str, n: int) -> np.ndarray:
    """uint32: a hash of each n-gram of words; none where there are fewer words than n."""
    ids = np.concatenate([words_of(view_of(piece)).ids for piece in _pieces(text)])
    return (gram_hashes(ids, n) >> np.uint64(32)).astype(np.uint32)


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


def _pieces(text: str) -> Iterator[str]:
    """A long text in parts that end where a word does, a common one whole."""
    start = 0
    while len(text) - start > _PIECE:
        cut = text.rfind(" ", start, start + _PIECE) + 1 or text.find(" ", start + _PIECE) + 1 or len(text)
        yield text[start:cut]
        start = cut
    yield text[start:]
