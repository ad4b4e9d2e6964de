"""One text and everything that was found of it so far.

Filters in a row look at the same text; whichever asks first pays for the words, the others find them here.
Nothing is computed that no measure asks for.
"""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np

from data_pipeline.measures import words as split
from data_pipeline.measures.characters import code_points, table
from data_pipeline.measures.hashing import among_repeated, gram_hashes, longer, mixed, span_hashes


class TextView:
    """`text`, its characters [C] and its words [W]."""

    def __init__(self, text: str, classes: np.ndarray | None = None) -> None:
        self.text = text
        self._classes = classes

    @cached_property
    def codes(self) -> np.ndarray:
        """uint32 [C]"""
        return code_points(self.text)

    @cached_property
    def classes(self) -> np.ndarray:
        """uint16 [C]: the bits of `characters.table()`"""
        return table()[self.codes] if self._classes is None else self._classes

    @cached_property
    def lowered(self) -> TextView:
        """The text in small letters; words are compared in it.

        No character grows shorter by that, so in a text of the same length each stands where it stood, and it ends and begins
        words as before; whether it is `SPECIAL` is asked of the text as it was.
        """
        small = self.text.lower()
        if small == self.text:
            return self
        return TextView(small, self.classes if len(small) == len(self.text) else None)

    @cached_property
    def spaced(self) -> Words:
        return Words(self.codes, split.spaced_words(self.classes))

    @cached_property
    def characters(self) -> Words:
        return Words(self.codes, split.character_words(self.classes))

    @cached_property
    def tokens(self) -> Words:
        return Words(self.codes, split.tokens(self.codes, self.classes))

    @cached_property
    def lines(self) -> list[str]:
        """Between line feeds."""
        return self.text.split("\n")

    def words(self, without_spaces: bool) -> Words:
        """The small-letter words of ROOTS' measures."""
        return self.lowered.characters if without_spaces else self.lowered.spaced


Repeated = tuple[np.ndarray, np.ndarray]  # positions in ascending order, and the hash of the n-gram at each


class Words:
    """Words of a text: where they stand, and one hash each."""

    def __init__(self, codes: np.ndarray, spans: split.Spans) -> None:
        self._codes = codes
        self.spans = spans
        self.lengths = spans.lengths
        self._repeated: dict[int, Repeated] = {}

    def __len__(self) -> int:
        return len(self.spans)

    @cached_property
    def hashes(self) -> np.ndarray:
        """uint64 [W]: those of `hashing.hash_of`, so that lists of words can be looked up"""
        return span_hashes(self._codes, self.spans.starts, self.spans.ends)

    @cached_property
    def ids(self) -> np.ndarray:
        """uint64 [W]: the hashes spread over all bits, for n-grams"""
        return mixed(self.hashes)

    @cached_property
    def characters_before(self) -> np.ndarray:
        """int64 [W + 1]: characters of all words before each"""
        sums = np.zeros(len(self) + 1, np.int64)
        np.cumsum(self.lengths, out=sums[1:])
        return sums

    def repeated(self, n: int) -> Repeated:
        """Where n-grams stand that occur more than once.

        They begin where shorter ones do that occur more than once, so each length looks only where the one before found some.
        """
        if n not in self._repeated:
            if n <= 2:
                grams = gram_hashes(self.ids, n)
                positions = np.arange(grams.size)
            else:
                positions, grams = self.repeated(n - 1)
                fits = int(np.searchsorted(positions, len(self) - n + 1))
                positions = positions[:fits]
                grams = longer(grams[:fits], self.ids[positions + (n - 1)])
            chosen = among_repeated(grams) if grams.size > 1 else None
            self._repeated[n] = (positions[:0], grams[:0]) if chosen is None else (positions[chosen], grams[chosen])
        return self._repeated[n]


@lru_cache(maxsize=1)
def view_of(text: str) -> TextView:
    """The view of this text; the newest one is kept for the next filter that asks."""
    return TextView(text)
