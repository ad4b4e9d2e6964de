"""How much of a text is n-grams that come again.

Spam, navigation and generated pages repeat themselves. ROOTS looks at n-grams of characters and of words, Gopher
at the most frequent n-gram of words and at all that come again; all of it is read off sorted hashes.
"""

from __future__ import annotations

from collections import Counter
from math import isqrt
from operator import itemgetter

import numpy as np

from data_pipeline.measures.hashing import gram_hashes, number_repeated, repeated_counts
from data_pipeline.measures.view import TextView, Words


def character_repetition(view: TextView, n: int) -> float:
    """The share of the most frequent character n-grams among all (ROOTS): of U distinct ones the min(√U, those seen again)."""
    grams = gram_hashes(view.codes.astype(np.uint64), n)
    if not grams.size:
        return 0.0
    counts = repeated_counts(grams)
    top = min(isqrt(grams.size - int(counts.sum()) + counts.size), counts.size)
    if top < counts.size:
        counts.partition(counts.size - top)
        counts = counts[counts.size - top :]
    return int(counts.sum()) / grams.size


def word_repetition(words: Words, n: int) -> float:
    """The share of word n-grams that occur more than once (ROOTS)."""
    grams = gram_hashes(words.hashes, n)
    return number_repeated(grams) / grams.size if grams.size else 0.0


def top_gram_characters(words: Words, n: int) -> int:
    """Characters in all occurrences of the most frequent word n-gram, of several the first; blanks between words count."""
    if len(words) < n:
        return 0
    positions, grams = words.repeated(n)
    first, most = 0, 1
    if grams.size:
        found = grams.tolist()
        gram, most = max(Counter(found).items(), key=itemgetter(1))  # in the order of first occurrence
        first = int(positions[found.index(gram)])
    return most * (int(words.lengths[first : first + n].sum()) + n - 1)


def repeated_gram_characters(words: Words, n: int) -> int:
    """Characters in word n-grams that came before, read from left to right without counting a word twice (Gopher).

    An n-gram is remembered where the reading stopped at it; the reading goes on behind one that came before.
    """
    positions, grams = words.repeated(n)
    if not grams.size:
        return 0
    seen: set[int] = set()
    spans: list[int] = []
    position = 0
    for here, gram in zip(positions.tolist(), grams.tolist(), strict=True):
        if here < position:
            continue
        if gram in seen:
            spans.append(here)
            position = here + n
        else:
            seen.add(gram)
    before = words.characters_before
    return int((before[np.array(spans) + n] - before[spans]).sum()) if spans else 0
