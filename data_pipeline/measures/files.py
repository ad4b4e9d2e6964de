"""What is measured of a file of source code: its longest line, its signs, the lengths of its tokens."""

from __future__ import annotations

import re

import numpy as np

_WORD = re.compile(r"\w+")


def longest_line(text: str) -> int:
    """Characters between line feeds, at most."""
    return max(map(len, text.split("\n")))


def signs(text: str) -> float:
    """The share of characters that Python's `\\w` does not match; 0 of an empty text."""
    return 1 - sum(map(len, _WORD.findall(text))) / len(text) if text else 0.0


def deviation(text: str) -> float:
    """The standard deviation of the lengths of tokens between white space; 0 where there is none."""
    lengths = np.fromiter(map(len, text.split()), np.int64)
    return float(lengths.std()) if lengths.size else 0.0
