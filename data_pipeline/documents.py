"""What flows through the pipeline: documents, and records that are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """One text. `id` is unique within its source and holds no path of this machine."""

    id: str
    text: str
    source: str
    meta: Mapping[str, object] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    """The steps that changed its text."""
    licence: str | None = None
    """Of its source, where that has one; what the document says itself stands in its meta."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """A record that is not a document: where it stands (file and line) and why it was left out."""

    where: str
    reason: str
