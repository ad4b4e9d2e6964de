"""The six checks of ROOTS as the published code computes them: each on its own, each splitting the document again.

After bigscience-workshop/data-preparation, 01b_oscar_cleaning_and_filtering/filtering.py (Apache-2.0): the same loops over
characters, lists and dictionaries, without language identification and perplexity.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from data_pipeline.measures.characters import special_characters
from data_pipeline.measures.thresholds import Thresholds

SPECIAL = special_characters()


def split_on_whitespace(document: str) -> list[str]:
    return [part for part in re.split(" |\n|\t", document) if part]


def strip(document: str) -> str:
    if not document:
        return document
    beg_ind, end_ind = 0, len(document)
    for i in range(len(document)):
        if document[i] in SPECIAL:
            beg_ind += 1
        else:
            break
    for i in range(1, len(document) + 1):
        if document[-i] in SPECIAL:
            end_ind -= 1
        else:
            break
    return document[beg_ind:end_ind]


def get_words(document: str, lower_case: bool) -> list[str]:
    words = split_on_whitespace(document)
    if lower_case:
        words = [word.lower() for word in words]
    words = [strip(word) for word in words]
    return [word for word in words if word]


def number_words(document: str) -> float:
    return len(get_words(document, lower_case=False))


def character_repetition(document: str, n: int) -> float:
    grams = [document[i : i + n] for i in range(len(document) - n + 1)]
    frequencies: dict[str, int] = {}
    for gram in grams:
        frequencies[gram] = frequencies.get(gram, 0) + 1
    if len(frequencies) == 0:
        return 0
    counts = sorted(frequencies.values(), reverse=True)
    val_one = len([el for el in counts if el == 1])
    repeated = min(int(np.sqrt(len(counts))), len(counts) - val_one)
    return sum(counts[:repeated]) / sum(counts)


def word_repetition(document: str, n: int) -> float:
    words = get_words(document, lower_case=True)
    grams = [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]
    frequencies: dict[str, int] = {}
    for gram in grams:
        frequencies[gram] = frequencies.get(gram, 0) + 1
    if len(frequencies) == 0:
        return 0
    counts = list(frequencies.values())
    return sum(count for count in counts if count > 1) / sum(counts)


def special_share(document: str) -> float:
    if len(document) == 0:
        return 0
    return len([char for char in document if char in SPECIAL]) / len(document)


def listed_share(document: str, listed: set[str], pairs: str | None) -> float:
    words = get_words(document, lower_case=True)
    if not words:
        return 0
    augmentation = [] if pairs is None else [pairs.join(words[i : i + 2]) for i in range(len(words) - 1)]
    return min(1.0, len([word for word in words + augmentation if word in listed]) / len(words))


Values = list[Callable[[str], float]]


def measures(limits: Thresholds, stop_words: set[str], flagged_words: set[str]) -> Values:
    """The six, in the published order."""
    return [
        number_words,
        lambda text: character_repetition(text, limits.character_gram),
        lambda text: word_repetition(text, limits.word_gram),
        special_share,
        lambda text: listed_share(text, stop_words, limits.pairs),
        lambda text: listed_share(text, flagged_words, limits.pairs),
    ]


def keeps(text: str, limits: Thresholds, values: Values) -> bool:
    """The decision, no further than the first check that fails."""
    bounds = [
        (limits.min_words, limits.max_words), (0, limits.character_repetition), (0, limits.word_repetition),
        (0, limits.special_characters), (limits.stop_words, 1), (0, limits.flagged_words),
    ]  # fmt: skip
    return all(least <= value(text) <= most for value, (least, most) in zip(values, bounds, strict=True))
