"""Where the words of a text stand.

    spaces       between blanks, tabs and ends of line, without the special characters at both ends (ROOTS)
    characters   in scripts without spaces each character is a word, with the marks on it; between them as above,
                 but a special character ends a word
    tokens       runs of letters, digits, marks and `_`, with inner apostrophes, and every other character that is
                 not white space by itself; Gopher's and C4's rules count these

ROOTS splits Chinese by a SentencePiece model that does not ship with any package; characters are what remains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_pipeline.measures.characters import ALONE, ATTACHED, BLANK, SEPARATOR, STRIPPED, WORD

_KINDS = STRIPPED | SEPARATOR  # separators are stripped, too
_APOSTROPHES = (0x27, 0x2019)


@dataclass(frozen=True, slots=True)
class Spans:
    """Words as positions in the code points: int64 [words]."""

    starts: np.ndarray
    ends: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        return self.ends - self.starts

    def __len__(self) -> int:
        return self.starts.size


def spaced_words(classes: np.ndarray) -> Spans:
    """From the classes of a text's characters to the words between its separators."""
    kinds = classes & _KINDS
    told = (kinds != STRIPPED).nonzero()[0]  # what is stripped and separates nothing decides nothing
    parts = np.empty(told.size + 2, np.uint16)
    parts[0] = parts[-1] = _KINDS
    kinds.take(told, out=parts[1:-1], mode="clip")
    changes = (parts[1:] != parts[:-1]).nonzero()[0]  # where words begin and end, in turn
    return Spans(told[changes[::2]], told[changes[1::2] - 1] + 1)


def character_words(classes: np.ndarray) -> Spans:
    """The words of a text in a script without spaces."""
    inside = (classes & (ALONE | ATTACHED)) != 0
    after = np.zeros(classes.size, bool)
    after[1:] = inside[:-1]
    begins = ((classes & ALONE) != 0) | (after & ~inside) | ((classes & STRIPPED) != 0)
    kept = ((classes & STRIPPED) == 0).nonzero()[0]
    groups = np.cumsum(begins, dtype=np.int32)[kept]
    return _grouped(kept, groups[1:] != groups[:-1])


def tokens(codes: np.ndarray, classes: np.ndarray) -> Spans:
    """Runs of word characters, and each other character that is no white space."""
    inside = (classes & WORD) != 0
    marks = (codes == _APOSTROPHES[0]) | (codes == _APOSTROPHES[1])
    if marks.any():
        marks[1:-1] &= inside[:-2] & inside[2:]
        marks[[0, -1]] = False
        inside = inside | marks
    kept = ((classes & BLANK) == 0).nonzero()[0]
    if not kept.size:
        return Spans(kept, kept)
    within = inside[kept]
    return _grouped(kept, ~(within[1:] & within[:-1]) | (kept[1:] - kept[:-1] != 1))


def _grouped(kept: np.ndarray, new: np.ndarray) -> Spans:
    """Spans of the kept positions, a new one wherever `new` says that a position does not continue the one before."""
    if not kept.size:
        return Spans(kept, kept)
    edges = new.nonzero()[0]
    starts, ends = np.empty(edges.size + 1, np.int64), np.empty(edges.size + 1, np.int64)
    starts[0], starts[1:] = kept[0], kept[edges + 1]
    ends[-1], ends[:-1] = kept[-1], kept[edges]
    ends += 1
    return Spans(starts, ends)
