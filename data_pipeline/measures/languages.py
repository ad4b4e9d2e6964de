"""Which language a text is in, by py3langid (its model is inside the package; nothing is downloaded).

It knows 34 of ROOTS' 45 languages. For the others an identifier could only be wrong, so what the source says
is trusted. Three windows of the text are looked at, its begin, middle and end: a page that begins in one language
and goes on in another is found, and a long text costs no more than a short one.

Some languages are so near one another that a few lines do not tell them apart. Their confidence is added up: an
Indonesian page that might be Malay is not lost.
"""

from __future__ import annotations

from functools import cache
from typing import Any

_WINDOW = 300  # characters; with 100, one page in nine of the right language was not recognised
_NAMES = {"zhs": "zh", "zht": "zh", "ki": "kik", "nb": "no"}
_NEAR = (("id", "ms"), ("hr", "bs", "sr"), ("zh", "yue", "wuu"), ("ar", "ary", "arz"), ("no", "nn"), ("es", "an"))


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def code_of(language: str) -> str:
    """The identifier's name of a language."""
    return _NAMES.get(language, language)


def identifies(language: str) -> bool:
    """Whether the identifier knows the language at all."""
    return code_of(language) in _identifier().labels


def identify(text: str) -> tuple[str, float]:
    """The language and the identifier's confidence, between 0 and 1."""
    found: tuple[str, float] = _identifier().classify(windows(text).lower())
    return found


def confidence(text: str, language: str) -> float:
    """The identifier's confidence that the text is in this language or in one that it cannot be told from."""
    code = code_of(language)
    near = next((group for group in _NEAR if code in group), (code,))
    return min(1.0, sum(score for name, score in _identifier().rank(windows(text).lower()) if name in near))


def windows(text: str) -> str:
    """The text, or three parts of it."""
    if len(text) <= 3 * _WINDOW:
        return text
    middle = (len(text) - _WINDOW) // 2
    return "\n".join((text[:_WINDOW], text[middle : middle + _WINDOW], text[-_WINDOW:]))
