"""How much of a text is running text, program text, advertising: shares that no list of words is needed for.

Published filters catch menus and program text by the way, as special characters or for want of stop words; the reason they
tell is then the wrong one, and tables go with them. Here each kind has a measure of its own, made of lines:

    running       characters in lines that run on to the margin or end like a sentence
    code          characters in lines that hold as many brackets, operators and semicolons as program text, and in comments
    sentence      words for each end of a sentence: a list of keywords has none
    advertising   exclamation marks, money and percentages, addresses of pages, long numbers, shouted words, over words
"""

from __future__ import annotations

import re
from functools import cached_property
from unicodedata import category

import numpy as np

from data_pipeline.measures.characters import ALONE, ALPHABETIC, BLANK, SIGN, terminal_punctuation
from data_pipeline.measures.repetition import word_repetition
from data_pipeline.measures.thresholds import DEFAULT, WITHOUT_SPACES_GRAM
from data_pipeline.measures.view import TextView

_MARGIN = 50  # columns; a line of running text is at least so long, or ends like a sentence
_SENTENCE = 12  # columns that a short line with an end of sentence has at least
_SIGNS = 0.06  # of the characters of a line: 99 % of prose has next to no line with so many
_LETTERS = 0.3  # of the characters of a line; with fewer it is a rule or the border of a table
_CLOSING = "\"'”’»)]」』）》】*_ \t\r\u00a0"
_ENDS = frozenset(terminal_punctuation()) | set("…:。！？；;।៖")
_STOPS = ".!?…:;。！？；：।॥۔។៖؟།༎။።"
_REPEATED = 0.5
_CHARACTERS_A_WORD = 2.5  # in scripts without spaces
_THAI_LAO = (0x0E00, 0x0EFF)  # a blank ends a sentence or a clause there
_HANGUL = (0xAC00, 0xD7A3)
_COMMENT = re.compile(r"^[ \t]*(?://|/\*|\*/|[ \t]\*(?=\s)).*$", re.MULTILINE)
_MONEY = "$€£¥₹₽₺₫฿₴元円원%％"
_PAGES = ("http", "www.", ".com")
_CAPITALS = "".join(char for char in map(chr, range(0x41, 0x530)) if category(char) == "Lu")  # Latin, Greek, Cyrillic
_SHOUTED = re.compile(rf"\b[{_CAPITALS}]{{4,}}\b")
_TO_CALL = re.compile(r"\d{5,}")
_TWICE, _KINDS = 2, 3


class Structure:
    """The lines of a text: where they stand [L], and what of them is what."""

    def __init__(self, view: TextView) -> None:
        self._view = view

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.concatenate(([0], np.flatnonzero(self._view.codes == 0x0A) + 1))

    @cached_property
    def _classes(self) -> np.ndarray:
        """Those of the text, and of one more blank, so that an empty last line has a character as well."""
        return np.append(self._view.classes, BLANK)

    @cached_property
    def _inked(self) -> np.ndarray:
        """int64 [L]: characters that are not blank."""
        return self._counted((self._classes & BLANK) == 0)

    def _counted(self, holds: np.ndarray) -> np.ndarray:
        """int64 [L]: of how many characters of each line, and the line feed behind it, it holds."""
        return np.add.reduceat(holds, self._starts, dtype=np.int64)

    @cached_property
    def _lettered(self) -> np.ndarray:
        """bool [L]: not the border of a table or a row of numbers."""
        return self._counted((self._classes & ALPHABETIC) != 0) >= _LETTERS * self._inked

    @property
    def running(self) -> float:
        """The share of characters in lines of running text, among those that hold letters; 1 where these are less than half."""
        codes = self._view.codes
        wide = (self._classes & ALONE) != 0
        if codes.size and codes.max() >= _HANGUL[0]:
            wide[:-1] |= (codes >= _HANGUL[0]) & (codes <= _HANGUL[1])
        lengths = np.diff(self._starts, append=codes.size + 1) - 1
        columns = lengths + self._counted(wide)
        runs = (columns >= _MARGIN) & self._lettered
        lines = self._view.lines
        for place in np.flatnonzero(~runs & self._lettered & (columns >= _SENTENCE)).tolist():
            line = lines[place].rstrip(_CLOSING)
            runs[place] = line[-1:] in _ENDS
        among = int(self._inked[self._lettered].sum())
        return int(self._inked[runs].sum()) / among if 2 * among > int(self._inked.sum()) else 1.0

    @cached_property
    def _alone(self) -> int:
        return int(np.count_nonzero(self._view.classes & ALONE))

    @property
    def _words(self) -> float:
        """Words between blanks, which the filters of prose count as well, and those that are written without."""
        return len(self._view.words(False)) + self._alone / _CHARACTERS_A_WORD

    @property
    def sentence(self) -> float:
        """Words for each end of a sentence, a clause before a colon or a semicolon included."""
        view = self._view
        ends = sum(map(view.text.count, _STOPS))
        if self._alone:
            thai = (view.codes[:-1] >= _THAI_LAO[0]) & (view.codes[:-1] <= _THAI_LAO[1])
            ends += int(np.count_nonzero(thai & (view.codes[1:] == 0x20)))
        return self._words / max(1, ends)

    @property
    def repeats(self) -> bool:
        """Whether most of it is phrases that come again."""
        words = self._view.characters
        alone = 2 * self._alone > len(words)
        return word_repetition(words, WITHOUT_SPACES_GRAM if alone else DEFAULT.word_gram) > _REPEATED

    @property
    def code(self) -> float:
        """The share of characters in lines of program text and in its comments; 0 of an empty text."""
        signs = self._counted((self._classes & SIGN) != 0)
        lines = (signs >= 2) & (signs >= _SIGNS * self._inked) & self._lettered
        text = self._view.text
        if "//" in text or "/*" in text:
            starts = self._starts
            comments = [match.start() for match in _COMMENT.finditer(text)]
            lines[np.searchsorted(starts, comments, side="right") - 1] = True
        return int(self._inked[lines].sum()) / max(1, int(self._inked.sum()))

    @property
    def advertising(self) -> float:
        """Signs of advertising for each word; 0 unless three kinds of them occur twice.

        A page full of constants shouts, too, so shouted words count no more often than all other signs.
        """
        text = self._view.text
        calls, money = text.count("!") + text.count("！"), sum(map(text.count, _MONEY))
        pages = sum(map(text.count, _PAGES))
        if max(calls, money, pages) < _TWICE:
            return 0.0  # the two kinds that are left are not enough
        kinds = (calls, money, pages, len(_TO_CALL.findall(text)))
        shouted = len(_SHOUTED.findall(text))
        if sum(kind >= _TWICE for kind in (*kinds, shouted)) < _KINDS:
            return 0.0
        signs = sum(kinds)
        return (signs + min(shouted, signs)) / max(1.0, self._words)
