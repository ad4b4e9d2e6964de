"""Taking single words out of a text and leaving the rest as it stands.

The published steps cut a text into words and joined what remained, so every blank line and run of blanks was
lost, also where no word was taken out. Here only lines that lose a word change: a word goes with the blank
behind it, and a line that has no word left goes as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from data_pipeline.measures.characters import stripped_characters

_PARTS = re.compile(r"([ \t]+)")


Test = Callable[[str], bool]


def without_words(text: str, suspect: Test, bad: Test) -> str:
    """The text without its bad words; `suspect` tells quickly whether a text or a line could hold one."""
    if not suspect(text):
        return text
    kept, changed = [], False
    for line in text.split("\n"):
        if not suspect(line):
            kept.append(line)
            continue
        rest = _without(line, bad)
        changed |= rest != line
        if rest == line or rest.strip(" \t"):
            kept.append(rest)
    return "\n".join(kept) if changed else text


def _without(line: str, bad: Test) -> str:
    parts = _PARTS.split(line)  # word, blanks, word, ...
    kept: list[str] = []
    for word, blanks in zip(parts[::2], [*parts[1::2], ""], strict=True):
        if word and bad(word):
            continue
        kept += (word, blanks)
    return line if len(kept) == len(parts) + 1 else "".join(kept).rstrip(" \t")


def stripped(word: str) -> str:
    """Without the special characters at its ends."""
    return word.strip(_strip_set())


@cache
def _strip_set() -> str:
    return "".join(sorted(stripped_characters()))
