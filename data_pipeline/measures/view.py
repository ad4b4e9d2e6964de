"""One text and everything that was found of it so far.

Filters in a row look at the same text; whichever asks first pays for the words, the others find them here.
Nothing is computed that no measure asks for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from data_pipeline.measures import words as split
from data_pipeline.measures.characters import UNLIKE, code_points, small_letters, table
from data_pipeline.measures.hashing import among_repeated, gram_hashes, longer, mixed, prefixes, span_hashes


@dataclass(frozen=True, slots=True)
class Letters:
    """Characters as arrays [C]: their code points, uint32, and the bits of `characters.table()`, uint16."""

    codes: np.ndarray
    classes: np.ndarray


class TextView:
    """`text`, its characters [C] and its words [W]."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def codes(self) -> np.ndarray:
        """uint32 [C]"""
        return code_points(self.text)

    @cached_property
    def places(self) -> np.ndarray:
        """int64 [C]: the code points as places in a table; others would be converted at every look-up"""
        return self.codes.astype(np.int64)

    @cached_property
    def classes(self) -> np.ndarray:
        """uint16 [C]: the bits of `characters.table()`"""
        return table()[self.places]

    @cached_property
    def lowered(self) -> Letters:
        """The text in small letters; words are compared in it.

        No character grows shorter by that, so in a text of the same length each stands where it stood, and it ends and begins
        words as before; whether it is `SPECIAL` is asked of the text as it was.
        """
        if UNLIKE[0] not in self.text and UNLIKE[1] not in self.text:
            return Letters(small_letters()[self.places], self.classes)
        small = TextView(self.text.lower())
        return Letters(small.codes, self.classes if len(small.text) == len(self.text) else small.classes)

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
        return self._small_characters if without_spaces else self._small_spaced

    @cached_property
    def _small_characters(self) -> Words:
        return Words(self.lowered.codes, split.character_words(self.lowered.classes))

    @cached_property
    def _small_spaced(self) -> Words:
        return Words(self.lowered.codes, split.spaced_words(self.lowered.classes))


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
    def prefixes(self) -> np.ndarray:
        """int64 [W]: the first 16 bits of the hashes, by which most words are known not to be on a list"""
        return prefixes(self.hashes)

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
                fits = int(positions.searchsorted(len(self) - n + 1))
                positions = positions[:fits]
                grams = longer(grams[:fits], self.ids[positions + (n - 1)])
            chosen = among_repeated(grams) if grams.size > 1 else None
            self._repeated[n] = (positions[:0], grams[:0]) if chosen is None else (positions[chosen], grams[chosen])
        return self._repeated[n]


@lru_cache(maxsize=1)
def view_of(text: str) -> TextView:
    """The view of this text; the newest one is kept for the next filter that asks."""
    return TextView(text)
