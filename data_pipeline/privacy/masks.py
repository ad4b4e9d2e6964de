"""What a report may show: enough to see what kind of thing was found, too little to find the person."""

from __future__ import annotations

from collections.abc import Iterable

from data_pipeline.privacy.found import Span

_HIDDEN = "***"


def masked(value: str, kind: str) -> str:
    """`j***@e***.org`, `+***`, `AKIA***`: at most the first character, and what says nothing of a person."""
    if kind == "email":
        local, _, domain = value.rpartition("@")
        host, _, top = domain.rpartition(".")
        return f"{local[:1]}{_HIDDEN}@{host[:1]}{_HIDDEN}.{top}"
    if kind == "user":
        return f"@{value[1:2]}{_HIDDEN}"
    return f"{value[:1]}{_HIDDEN}"


def shown(text: str, spans: Iterable[Span], start: int, end: int) -> str:
    """`text[start:end]` with every span in it masked, also one that reaches beyond either end."""
    parts: list[str] = []
    place = start
    for span in spans:
        if span.end <= place or span.start >= end:
            continue
        parts += (text[place : max(place, span.start)], masked(text[span.start : span.end], span.kind))
        place = span.end
    return "".join([*parts, text[place : max(place, end)]])
