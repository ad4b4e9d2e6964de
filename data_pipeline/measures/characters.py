"""Which code points are special, separate words or are words by themselves: one table, one look-up a text.

Published filters ask Python about each character. Here the classes are bits of a table that is indexed by
the code points of a whole text at once.

`SPECIAL` is the set of ROOTS as published: the limits on the share of special characters were chosen with it.
The same set was stripped from the ends of words, though it holds letters (an Arabic heh, a Cyrillic ghe, a
Turkish dotless i, four kana, three Han characters) and vowel signs of Devanagari and Bengali, so words lost their
ends: `karşı` became `karş`. `STRIPPED` leaves letters and vowel signs where they are.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

from data_pipeline.measures._ranges import EMOJI, PUNCTUATION, ROOTS_OTHER, TERMINAL

SPECIAL, STRIPPED, SEPARATOR, WORD, ALPHABETIC, PUNCTUAL, ALONE, ATTACHED, BLANK, SIGN = (
    np.uint16(1 << bit) for bit in range(10)
)
"""Bits of `table()`. ALONE: a word by itself, as in scripts without spaces. ATTACHED: a mark of such a script.
SIGN: what program text is full of."""

_SIZE = 0x110000
_LETTERS = 0x32400  # there are none, and no white space, from here on (Unicode 16)
_LOWERED = {"ⓜ"}  # the small letter of a stripped capital; so stripping and lower-casing can change places
UNLIKE = ("\u0130", "\u03a3")
"""A capital I with a dot becomes two characters, and a capital sigma one of two by what stands around it."""
_ALONE = (
    "E00-E7F E80-EFF F00-FFF 1000-109F 1780-17FF 19E0-19FF 3040-30FF 31F0-31FF 3400-4DBF 4E00-9FFF A9E0-A9FF "
    "AA60-AA7F F900-FAFF FF66-FF9F 1B000-1B16F 20000-323AF"
)  # Thai, Lao, Tibetan, Myanmar, Khmer, kana, Han


def points(ranges: str) -> set[int]:
    """The code points of ranges such as `41-5A 5F`."""
    found: set[int] = set()
    for part in ranges.split():
        first, _, last = part.partition("-")
        found.update(range(int(first, 16), int(last or first, 16) + 1))
    return found


def special_characters() -> set[str]:
    """As ROOTS published them."""
    ascii_ones = set(string.punctuation + string.digits + string.whitespace)
    return ascii_ones | set(map(chr, points(ROOTS_OTHER) | points(EMOJI)))


def stripped_characters() -> set[str]:
    """What is taken from the ends of words: the special characters that no word is spelt with."""
    return {char for char in special_characters() if not _spells(char)} | _LOWERED


def punctuation() -> set[str]:
    """What a word must not consist of to count for Gopher's rules."""
    return set(map(chr, points(PUNCTUATION) | points(TERMINAL)))


def terminal_punctuation() -> tuple[str, ...]:
    """What ends a sentence, in any script."""
    return tuple(sorted(map(chr, points(TERMINAL))))


@cache
def table() -> np.ndarray:
    """The bits of every code point; made in about a tenth of a second, once a process."""
    every = list(map(chr, range(_LETTERS)))
    bits = np.zeros(_SIZE, np.uint16)
    _set(bits, SPECIAL, special_characters())
    _set(bits, STRIPPED, stripped_characters())
    _set(bits, SEPARATOR, " \n\t")
    _set(bits, PUNCTUAL, punctuation())
    _set(bits, SIGN, '{}[]();=<>&|$_#\\*+"`@^~')
    bits[:_LETTERS][_where(str.isalnum, every)] |= WORD
    _set(bits, WORD, "_")
    bits[:_LETTERS][_where(str.isalpha, every)] |= ALPHABETIC
    bits[:_LETTERS][_where(str.isspace, every)] |= BLANK
    for point in points(_ALONE):
        category = unicodedata.category(every[point])
        if category.startswith("M"):
            bits[point] |= ATTACHED | WORD
        elif category in ("Lo", "Lm"):
            bits[point] |= ALONE
    bits[_marks()] |= WORD
    return bits


@cache
def small_letters() -> np.ndarray:
    """uint32: the small letter of every code point but those of `UNLIKE`, whose place or number it depends on."""
    found = np.arange(_SIZE, dtype=np.uint32)
    small = [char.lower() for char in map(chr, range(_LETTERS))]
    found[:_LETTERS] = [ord(char[0]) for char in small]
    return found


@cache
def letters() -> np.ndarray:
    """bool: whether a code point is neither white space, a digit of any script, nor punctuation of ASCII."""
    found = (table() & BLANK) == 0
    found[np.fromiter(map(str.isdecimal, map(chr, range(_SIZE))), bool, _SIZE)] = False
    found[[ord(char) for char in string.punctuation]] = False
    return found


def code_points(text: str) -> np.ndarray:
    """uint32, one for each character."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _set(bits: np.ndarray, bit: Any, chars: Iterable[str]) -> None:
    bits[np.fromiter(map(ord, chars), np.int64)] |= bit


def _where(holds: Any, chars: list[str]) -> np.ndarray:
    return np.fromiter(map(holds, chars), bool, len(chars))


def _marks() -> np.ndarray:
    """Vowel signs and accents, which are parts of words and yet not alphanumeric."""
    found = [point for point in range(0x300, 0x20000) if unicodedata.category(chr(point))[0] == "M"]
    return np.array([*found, *range(0xE0100, 0xE01F0)])


def _spells(char: str) -> bool:
    category = unicodedata.category(char)
    return category in ("Ll", "Lu", "Mc", "Mn") or (category == "Lo" and char not in "ªº")
