"""A piece of personal data: which kind, and where in the text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple, get_args

Kind = Literal["email", "ip", "phone", "key", "user"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Span(NamedTuple):
    """`text[start:end]`; `kind` is one of KINDS, or an entity of Presidio in small letters."""

    start: int
    end: int
    kind: str


Find = Callable[[str], Iterator[Span]]
"""All of one kind in a text, from left to right, no two of which overlap."""
