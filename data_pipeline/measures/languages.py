"""Which language a text is in, by py3langid (its model is inside the package; nothing is downloaded).

It knows 34 of ROOTS' 45 languages. For the others an identifier could only be wrong, so what the source says
is trusted. Three windows of the text are looked at, its begin, middle and end: a page that begins in one language
and goes on in another is found, and a long text costs no more than a short one.

Some languages are so near one another that a few lines do not tell them apart. Their confidence is added up: an
Indonesian page that might be Malay is not lost.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from data_pipeline.measures.identifier import Identifier

_WINDOW = 300  # characters; with 100, one page in nine of the right language was not recognised
_NAMES = {"zhs": "zh", "zht": "zh", "ki": "kik", "nb": "no"}
_NEAR = (("id", "ms"), ("hr", "bs", "sr"), ("zh", "yue", "wuu"), ("ar", "ary", "arz"), ("no", "nn"), ("es", "an"))


@cache
def _identifier() -> Identifier:
    from data_pipeline.measures.identifier import Identifier

    return Identifier()


@cache
def _places(language: str) -> list[int]:
    """Where the language, and those that it cannot be told from, stand among the labels."""
    code = code_of(language)
    near = next((group for group in _NEAR if code in group), (code,))
    return [place for place, name in enumerate(_identifier().labels) if name in near]


def code_of(language: str) -> str:
    """The identifier's name of a language."""
    return _NAMES.get(language, language)


def identifies(language: str) -> bool:
    """Whether the identifier knows the language at all."""
    return code_of(language) in _identifier().labels


def identify(text: str) -> tuple[str, float]:
    """The language and the identifier's confidence, between 0 and 1."""
    found = _identifier().probabilities(windows(text).lower())
    best = int(found.argmax())
    return _identifier().labels[best], float(found[best])


def confidence(text: str, language: str) -> float:
    """The identifier's confidence that the text is in this language or in one that it cannot be told from."""
    found = _identifier().probabilities(windows(text).lower())
    return min(1.0, float(found[_places(language)].sum()))


def windows(text: str) -> str:
    """The text, or three parts of it."""
    if len(text) <= 3 * _WINDOW:
        return text
    middle = (len(text) - _WINDOW) // 2
    return "\n".join((text[:_WINDOW], text[middle : middle + _WINDOW], text[-_WINDOW:]))
