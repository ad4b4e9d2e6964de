"""Words and columns that never pass the screen's edge, and colour for those who read on a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

LEAST, MOST = 60, 120
"""Columns of a screen: narrower terminals get lines of 60, wider ones of 120, which are easier to read than longer."""
LABEL = 12
_STYLES = {
    "bold": "1", "dim": "2", "good": "32;1", "bad": "31;1",
    "0": "44;97", "1": "43;30", "2": "41;97", "3": "46;30", "4": "45;97", "5": "42;30", "6": "100;97", "7": "105;30",
}  # fmt: skip
"""SGR codes; digits are the parts of a bar, letters on a ground."""
PARTS = 8
"""Colours of parts."""
_CODE = re.compile(r"\x1b\[[0-9;]*m")
_ASCII = str.maketrans("█▉▊▋▌▍▎▏▐─±…·│×", "#####'''#-~.-|x")


@dataclass(frozen=True)
class Ink:
    """Colours where `on`; the text itself where not."""

    on: bool = False

    def __call__(self, style: str, text: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.on and text else text


def visible(text: str) -> int:
    """Columns that a text takes, its colours left out."""
    return len(_CODE.sub("", text))


def as_ascii(text: str) -> str:
    """For a terminal that knows no more: every sign replaced by one as wide."""
    return text.replace("\N{NO-BREAK SPACE}", " ").translate(_ASCII).encode("ascii", "replace").decode()


def within(width: int) -> int:
    """The columns to write to."""
    return max(LEAST, min(width, MOST))


def labelled(label: str, text: str, width: int) -> list[str]:
    """`  label       text`, wrapped under itself."""
    return hanging(f"  {label:<{LABEL}}", text, width)


def headed(words: str, width: int, ink: Ink) -> list[str]:
    """The head of a part of the screen; what it says stands out, what explains it (after `;`) does not."""
    head = words.partition(";")[0]
    first, *rest = hanging("  ", words, width)
    if first.startswith(f"  {head}"):
        first = f"  {ink('bold', head)}{first[2 + len(head):]}"
    return [first, *rest]


def hanging(start: str, text: str, width: int) -> list[str]:
    """Text after `start`, its further lines under the text."""
    wrapped = textwrap.wrap(text, width - len(start), break_long_words=True, break_on_hyphens=False) or [""]
    return [(start if place == 0 else " " * len(start)) + line for place, line in enumerate(wrapped)]


def joined(pieces: Sequence[str], between: str, room: int) -> list[str]:
    """Pieces in as few lines of `room` columns as they take, none broken unless it alone is longer."""
    lines: list[str] = []
    for piece in (cut(piece, room) for piece in pieces):
        if lines and visible(lines[-1]) + len(between) + visible(piece) <= room:
            lines[-1] += between + piece
        else:
            lines.append(piece)
    return lines


def cut(text: str, room: int) -> str:
    """The text, or as much as there is room for and a sign that there was more."""
    return text if visible(text) <= room else f"{_CODE.sub('', text)[: max(0, room - 1)]}…"
