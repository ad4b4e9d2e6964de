"""How much of a text is n-grams that come again.

Spam, navigation and generated pages repeat themselves. ROOTS looks at n-grams of characters and of words, Gopher
at the most frequent n-gram of words and at all that come again; all of it is read off sorted hashes.
"""

from __future__ import annotations

from math import isqrt

import numpy as np

from data_pipeline.measures.hashing import first_occurrences, gram_hashes, repeated_counts
from data_pipeline.measures.view import TextView, Words


def character_repetition(view: TextView, n: int) -> float:
    """The share of the most frequent character n-grams among all (ROOTS): of U distinct ones the min(√U, those seen again)."""
    grams = gram_hashes(view.codes.astype(np.uint64), n)
    distinct, counts = repeated_counts(grams)
    top = min(isqrt(distinct), counts.size)
    if not top:
        return 0.0
    if top < counts.size:
        counts = np.partition(counts, counts.size - top)[counts.size - top :]
    return int(counts.sum()) / grams.size


def word_repetition(words: Words, n: int) -> float:
    """The share of word n-grams that occur more than once (ROOTS)."""
    grams = gram_hashes(words.ids, n)
    return int(repeated_counts(grams)[1].sum()) / grams.size if grams.size else 0.0


def top_gram_characters(words: Words, n: int) -> int:
    """Characters in all occurrences of the most frequent word n-gram, of several the first; blanks between words count."""
    grams = gram_hashes(words.ids, n)
    if not grams.size:
        return 0
    first = 0
    _, counts = repeated_counts(grams)
    most = int(counts.max(initial=1))
    if most > 1:
        values, found = np.unique(grams, return_counts=True)
        first = int(np.flatnonzero(np.isin(grams, values[found == most]))[0])
    return most * (int(words.lengths[first : first + n].sum()) + n - 1)


def repeated_gram_characters(words: Words, n: int) -> int:
    """Characters in word n-grams that came before, read from left to right without counting a word twice (Gopher).

    An n-gram is remembered where the reading stopped at it; the reading goes on behind one that came before.
    """
    grams = gram_hashes(words.ids, n)
    if grams.size < 2 or not repeated_counts(grams)[1].size:
        return 0
    first = first_occurrences(grams)
    again = np.flatnonzero(first != np.arange(first.size))
    sums = np.zeros(len(words) + 1, np.int64)
    np.cumsum(words.lengths, out=sums[1:])
    remembered: set[int] = set()
    skipped = bytearray(first.size)
    total, position = 0, 0
    for here, origin in zip(again.tolist(), first[again].tolist(), strict=True):
        if here < position:
            continue
        if not skipped[origin] or origin in remembered:
            total += int(sums[here + n] - sums[here])
            skipped[here + 1 : here + n] = b"\1" * (min(here + n, first.size) - here - 1)
            position = here + n
        else:
            remembered.add(origin)
    return total
