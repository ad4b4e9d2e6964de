"""Which colour is what, in words beside a drawing."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


def legend(entries: Iterable[tuple[int, str, str]]) -> str:
    """(colour, name, what it is) in a row; what it is shows where the pointer rests."""
    items = (f'<li title="{escape(what)}"><i class="p{colour}"></i>{escape(name)}</li>' for colour, name, what in entries)
    return f'<ul class="legend">{"".join(items)}</ul>'
