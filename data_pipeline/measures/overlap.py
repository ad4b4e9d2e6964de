"""Which n-grams of words of a text stand in a set of other texts, such as an evaluation that a model must not have read.

All n-grams of the other texts are one sorted array of 64-bit hashes with the text that each is from: 12 bytes an n-gram, and a
table of bits in front, so that most n-grams of an innocent text cost one look-up. Words are compared in small letters without
punctuation; in scripts without spaces a character is a word, and `characters` of them make an n-gram.

Two different n-grams share a hash about once in 10^19 pairs; everything else is exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from data_pipeline.measures.characters import ALONE
from data_pipeline.measures.hashing import gram_hashes
from data_pipeline.measures.view import TextView, Words, view_of

_MOST_BITS = 27


@dataclass(frozen=True, slots=True)
class Hits:
    """Where n-grams of a text were found: its characters `starts` to `ends` [hits], and the text that `owners` are from."""

    starts: np.ndarray
    ends: np.ndarray
    owners: np.ndarray

    def __len__(self) -> int:
        return self.owners.size


class Overlap:
    """The n-grams of some texts. Raises ValueError where there are more than `most`."""

    def __init__(self, texts: Iterable[str], n: int, characters: int, most: int) -> None:
        self.texts = self.too_short = 0
        parts: dict[int, list[tuple[np.ndarray, int]]] = {n: [], characters: []}
        size = 0
        for number, text in enumerate(texts):
            words, alone = _words(text)
            found = np.unique(gram_hashes(words.ids, characters if alone else n))
            self.texts += 1
            self.too_short += not found.size
            size += found.size
            if size > most:
                raise ValueError(f"more than {most:,} n-grams after {self.texts:,} texts")
            parts[characters if alone else n].append((found, number))
        self._indexes = {length: _Index(found) for length, found in parts.items() if any(grams.size for grams, _ in found)}
        self.grams = sum(index.keys.size for index in self._indexes.values())

    def hits(self, text: str) -> Hits:
        """Every n-gram of the text that is in the set, from left to right for each length of n-gram."""
        if not self._indexes:
            return _NONE
        words, _ = _words(text)
        found = [_hits(words, length, index) for length, index in self._indexes.items() if len(words) >= length]
        if len(found) == 1:
            return found[0]
        return Hits(*(np.concatenate([getattr(hit, name) for hit in found]) for name in Hits.__slots__)) if found else _NONE


class _Index:
    def __init__(self, parts: list[tuple[np.ndarray, int]]) -> None:
        grams = np.concatenate([grams for grams, _ in parts])
        owners = np.concatenate([np.full(grams.size, number, np.uint32) for grams, number in parts])
        self.keys, first = np.unique(grams, return_index=True)
        self.owners = owners[first]  # of several texts with an n-gram the first
        self._shift = np.uint64(64 - min(_MOST_BITS, self.keys.size.bit_length() + 4))
        self._some = np.zeros(1 << int(64 - self._shift), bool)
        self._some[(self.keys >> self._shift).astype(np.int64)] = True

    def places(self, grams: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of the grams are in the index, and whose they are."""
        likely = np.flatnonzero(self._some[(grams >> self._shift).astype(np.int64)])
        if not likely.size:
            return likely, self.owners[:0]
        wanted = grams[likely]
        at = np.minimum(np.searchsorted(self.keys, wanted), self.keys.size - 1)
        same = self.keys[at] == wanted
        return likely[same], self.owners[at[same]]


_NONE = Hits(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint32))


def _hits(words: Words, length: int, index: _Index) -> Hits:
    places, owners = index.places(gram_hashes(words.ids, length))
    return Hits(words.spans.starts[places], words.spans.ends[places + (length - 1)], owners)


def _words(text: str) -> tuple[Words, bool]:
    """The words of a text, each where it stands in it, and whether most are characters of a script without spaces."""
    view: TextView = view_of(text.replace("İ", "I"))  # the one letter that grows longer when it is made small
    words = view.words(True)
    return words, 2 * int(np.count_nonzero(view.classes & ALONE)) > len(words)
