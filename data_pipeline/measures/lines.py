"""Lines and paragraphs: copies within a text, bullets, ellipses, ends of sentences.

Menus, tables and lists of links are short lines without an end of sentence, and templates are lines that come
again. The functions work on strings, since a line that occurs twice is found fastest by Python's own sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from data_pipeline.measures.characters import terminal_punctuation

_PARAGRAPHS = re.compile(r"\n{2,}")
_LINES = re.compile(r"\n+")
_SENTENCE_ENDS = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|$)")
_TERMINAL = terminal_punctuation()


def paragraphs(text: str) -> list[str]:
    """Parts between empty lines, as Gopher's rules count them."""
    return _PARAGRAPHS.split(text.strip())


def lines(text: str) -> list[str]:
    """Parts between line feeds; several in a row count as one."""
    return _LINES.split(text)


def copies(parts: list[str]) -> tuple[int, int]:
    """How many parts equal an earlier one, and their characters."""
    if len(set(parts)) == len(parts):
        return 0, 0
    seen: set[str] = set()
    number = characters = 0
    for part in parts:
        if part in seen:
            number += 1
            characters += len(part)
        else:
            seen.add(part)
    return number, characters


def bullets(parts: Iterable[str]) -> int:
    """Lines that begin with a bullet or a hyphen."""
    return sum(part.lstrip().startswith(("•", "-")) for part in parts)


def ellipses(parts: Iterable[str]) -> int:
    """Lines that end with an ellipsis."""
    return sum(part.rstrip().endswith(("...", "…")) for part in parts)


def ended(parts: Iterable[str]) -> int:
    """Lines that end with the end of a sentence, in any script."""
    return sum(part.endswith(_TERMINAL) for part in parts)


def sentences(line: str) -> int:
    """Ends of sentences in a line, at least one: a mark before white space or the end of the line."""
    return max(1, sum(1 for _ in _SENTENCE_ENDS.finditer(line)))
