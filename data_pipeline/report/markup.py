"""The smallest pieces of the page: elements, words, numbers, bars.

Everything that comes from a corpus is hostile until escaped: it holds markup, control characters, halves of surrogate pairs
and marks that turn the direction of what follows. `words` and `quoted` are the only ways for it into the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from orchestrator.units import format_bytes, format_count

UNMEASURED = '<span class="unmeasured">not measured</span>'
_CONTROLS = {code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)} | {0x7F: 0x2421}
_CONTROLS |= dict.fromkeys((*range(128, 160), *range(55296, 57344), 65534, 65535), 65533)


def words(text: str) -> str:
    """Text from anywhere as markup; what has no sign of its own is shown as one."""
    return escape(text.translate(_CONTROLS))


def keyed(text: str) -> str:
    """A name_with_parts, which may break between them."""
    return words(text).replace("_", "_<wbr>")


def language(code: str | None, content: str = "text") -> str:
    """A language's code; the script adds what the reader's browser calls it."""
    if not code:
        return ""
    return f"<bdi>{words(code)}</bdi> <small>code</small>" if content == "code" else f"<bdi data-language>{words(code)}</bdi>"


def named(text: str) -> str:
    """A name or id in whatever script, whose direction does not spread."""
    return f"<bdi>{words(text)}</bdi>"


def quoted(text: str) -> str:
    """A piece of a document, in the direction of its own script."""
    return f'<pre dir="auto">{words(text)}</pre>'


def anchor(name: str) -> str:
    """A source's name, of letters, digits and `_.-`, as the id of its part of the page."""
    return f"source-{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}"


def link(name: str) -> str:
    return f'<a href="#{anchor(name)}">{named(name)}</a>'


def count(value: float | None) -> str:
    """A whole number in full."""
    return UNMEASURED if value is None else f"{value:,.0f}"


def about(value: float | None) -> str:
    """A large number in three figures, in full under the pointer."""
    return UNMEASURED if value is None else f'<span title="{value:,.0f}">{format_count(value)}</span>'


def size(value: float | None) -> str:
    return UNMEASURED if value is None else f'<span title="{value:,.0f} bytes">{format_bytes(value)}</span>'


def share(value: float | None) -> str:
    """Of one: three figures, and never a 0 % that is not one."""
    if value is None:
        return UNMEASURED
    if 0 < abs(value) < 0.0001:
        return "&lt; 0.01 %"
    return f"{100 * value:.2f} %" if abs(value) < 0.1 else f"{100 * value:.1f} %"


def decimal(value: float | None) -> str:
    return UNMEASURED if value is None else f"{value:.2f}"


def section(title: str, told: str, inside: str, key: str) -> str:
    """A part of the page; `told` and `inside` are markup."""
    return f'<section id="{key}"><h2>{escape(title)}</h2>{f"<p class=soft>{told}</p>" if told else ""}{inside}</section>' if inside else ""


def opens(head: str, inside: str, kind: str = "") -> str:
    """A line that opens."""
    return f'<details{f" class={kind}" if kind else ""}><summary>{head}</summary>{inside}</details>'


def bar(parts: Sequence[tuple[float, str, str]], *, marks: Sequence[tuple[float, str]] = ()) -> str:
    """Parts (width, class, tip) in a row from the left, with upright marks (place, tip); widths and places are shares of the whole."""
    inside, place = [], 0.0
    for width, kind, tip in parts:
        inside.append(f'<rect x="{1000 * place:.1f}" width="{1000 * max(width, 0.0):.1f}" y="2" height="12" class="{kind}"><title>{words(tip)}</title></rect>')
        place += width
    inside += [
        f'<rect x="{min(1000 * at, 1000) - 3:.1f}" width="6" y="0" height="16" class="mark"><title>{words(tip)}</title></rect>' for at, tip in marks
    ]
    return f'<svg class="bar" viewBox="0 0 1000 16" preserveAspectRatio="none" aria-hidden="true">{"".join(inside)}</svg>'


def row(head: str, drawn: str, told: str) -> str:
    """A bar with its name before and its number after it."""
    return f'<span class="name">{head}</span>{drawn}<span class="told">{told}</span>'


def bars(rows: Sequence[str]) -> str:
    return f'<div class="bars">{"".join(f"<div class=row>{each}</div>" for each in rows)}</div>'
