"""Bars of text: a rank's memory by part against the device, a step's seconds by part one after the other."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.planning.render.lines import PARTS, Ink

_EIGHTHS = " ▏▎▍▌▋▊▉"


def stacked(parts: Mapping[str, float], limit: float, whole: float, width: int, letters: Mapping[str, str], ink: Ink) -> str:
    """`WWGGGOOA......|`: each part its letter, what is left of `limit` as dots, what is above it behind the stroke.

    The bar is `width` + 1 columns for `whole`, which bars that stand under one another share. Edges are rounded, not
    lengths, so that a bar of many small parts is as long as their sum; but what is above the limit by less than a column
    has one.
    """
    scale = width / whole
    mark = min(round(limit * scale), width - 1 if whole > limit else width)
    edge, total, bar = 0, 0.0, []
    order = list(letters)
    for name, value in parts.items():
        total += value
        end = max(round(total * scale), mark + 1 if total > limit else 0)
        bar += [ink(str(order.index(name) % PARTS), letters[name])] * (end - edge)
        edge = end
    bar += [ink("dim", ".")] * (mark - edge)
    bar.insert(mark, ink("bad" if total > limit else "dim", "|"))
    return "".join([*bar, *" " * (width + 1 - len(bar))])


def floating(start: float, length: float, whole: float, width: int) -> str:
    """A block from `start` on, in eighths of a column, as a part of a waterfall of `whole`."""
    first, last = start / whole * width * 8, (start + length) / whole * width * 8
    left, right = int(first // 8), int(last // 8)
    if right <= left:
        piece = _EIGHTHS[min(7, max(1, round(last - first)))] if last > first else ""
        return (" " * left + piece)[:width]
    return (" " * left + "█" * (right - left) + _EIGHTHS[int(last % 8)]).rstrip()[:width]
