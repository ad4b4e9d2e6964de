"""What a document says of its licence, and whether a list of patterns covers it.

Collections say it as `license` or `licence`, as one identifier of SPDX, an expression (`MIT OR Apache-2.0`) or a list of all that
were found. ROOTS meant to leave out the GPL family and kept nothing else, by one word in the wrong place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase

from data_pipeline.documents import Document

_FIELDS = ("licence", "license", "licenses", "licences")
_OR = re.compile(r"\s+or\s+|\|", re.IGNORECASE)
_AND = re.compile(r"\s+and\s+|\s*[,;&]\s*", re.IGNORECASE)


def licence_of(document: Document) -> tuple[str, ...]:
    """Every licence that it names, else that of its source; all of them hold. Empty where there is none."""
    for field in _FIELDS:
        said = document.meta.get(field)
        if isinstance(said, str) and said.strip():
            return (said,)
        if isinstance(said, list | tuple) and said:
            return tuple(map(str, said))
    return () if document.licence is None else (document.licence,)


def allowed(said: str, holds: Callable[[str], bool]) -> bool:
    """Whether an expression holds: of alternatives one, of licences that apply together all."""
    plain = said.replace("(", " ").replace(")", " ")
    return any(all(holds(name.strip()) for name in _AND.split(choice)) for choice in _OR.split(plain))


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether one of the patterns (`MIT`, `GPL-*`) is the name's, in capitals or not; exceptions (`WITH ...`) do not count."""
    plain = re.split(r"\s+with\s+", name.lower())[0]
    return any(fnmatchcase(plain, pattern.lower()) for pattern in patterns)
