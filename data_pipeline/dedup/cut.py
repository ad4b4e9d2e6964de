"""A text without the bytes that stand elsewhere."""

from __future__ import annotations

import numpy as np


def bytes_of(text: str) -> np.ndarray:
    """uint8: the text in UTF-8."""
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)


def text_of(data: np.ndarray) -> str:
    return data.tobytes().decode("utf-8", "surrogatepass")


def kept_of(size: int, marks: np.ndarray) -> np.ndarray:
    """bool [size]: which bytes stay, by the MARKS of one document.

    Not those of a later copy, unless they are of a first one as well.
    """
    first = (marks["first"] == marks["document"]) & (marks["first_at"] == marks["at"])
    return covered(size, marks[first]) | ~covered(size, marks[~first])


def covered(size: int, marks: np.ndarray) -> np.ndarray:
    """bool [size]: the bytes from `at` on, for each of the MARKS; they are sorted by `at`."""
    inside = np.zeros(size, bool)
    if not marks.size:
        return inside
    starts = marks["at"].astype(np.int64)
    ends = np.maximum.accumulate(starts + marks["size"])
    new = np.flatnonzero(starts[1:] > ends[:-1]) + 1
    begins, stops = starts[np.append(0, new)], ends[np.append(new, ends.size) - 1]
    for start, stop in zip(begins.tolist(), stops.tolist(), strict=True):
        inside[start:stop] = True
    return inside


def whole_characters(data: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """bool: a character of which any byte stays, stays whole."""
    kept = kept.copy()
    inner = (data[1:] & 0xC0) == 0x80
    for _ in range(3):  # a character has at most four bytes
        kept[1:] |= kept[:-1] & inner
        kept[:-1] |= kept[1:] & inner
    return kept
