"""The strokes of a drawing: SVG that takes its colours from the page's style, so that it follows light and dark."""

from __future__ import annotations

import math
from html import escape
from typing import Any

WIDTH = 1000
"""Units across every drawing; the page scales them to its own width."""


def element(name: str, *inside: str, **attributes: Any) -> str:
    """`<name key="value">inside</name>`; `inside` is markup already, attributes are escaped; `class_` is `class`."""
    told = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value))}"' for key, value in attributes.items() if value is not None)
    return f"<{name}{told}>{''.join(inside)}</{name}>" if inside else f"<{name}{told}/>"


def drawing(height: float, name: str, *inside: str) -> str:
    """A drawing of WIDTH x height units; `name` is what a reader of screens is told."""
    return element("svg", *inside, viewBox=f"0 0 {WIDTH} {height:.0f}", role="img", aria_label=name)


def rect(x: float, y: float, width: float, height: float, class_: str, tip: str = "") -> str:
    """A box; `tip` is shown where the pointer rests."""
    return element("rect", *([element("title", escape(tip))] if tip else []), x=x, y=y, width=max(0.0, width), height=height, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    """A stroke."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def text(x: float, y: float, words: str, class_: str = "", *, anchor: str | None = None) -> str:
    """Words, their baseline at `y`; `anchor`: `middle` or `end`."""
    return element("text", escape(words), x=x, y=y, class_=class_ or None, text_anchor=anchor)


def ticks(most: float, about: int = 6) -> list[float]:
    """Round numbers from 0 to at least `most`."""
    raw = most / about
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw * 0.999)
    return [index * step for index in range(math.ceil(most / step * 0.999) + 1)]


def _short(value: Any) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
