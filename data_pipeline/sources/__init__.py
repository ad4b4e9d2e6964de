"""What a source is: a section of the mixture page that can be read as a stream of documents.

A new kind of source is one new file in this folder: a `Source` subclass whose `kind` is the file's
name, registered with `@SOURCES.register`. Nothing else is edited.

A record that cannot be used is part of the stream, as `Rejected` with its place and reason, so that
whoever reads the stream has to count it: a bad line in a user's file never silently vanishes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from orchestrator.pages import Section
from orchestrator.registry import Registry

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """One text. `id` is unique within its source and holds no path of this machine."""

    id: str
    text: str
    source: str
    meta: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """A record that is not a document: where it stands (file and line) and why it was left out."""

    where: str
    reason: str


class Source(Section):
    """What every source says; each kind adds its own keys and the three methods below."""

    name: Name
    kind: str
    weight: float = Field(gt=0, description="share of the training tokens, relative to the other sources")

    def anchored(self, folder: Path) -> Source:
        """This source with its relative paths taken from `folder`, that of the mixture page."""
        return self

    @abstractmethod
    def documents(self) -> Iterator[Document | Rejected]:
        """All documents, in an order that depends on nothing but the source's content."""

    @abstractmethod
    def signature(self) -> str:
        """Changes whenever the documents may have changed; must cost milliseconds, not a reading."""


SOURCES: Registry[type[Source]] = Registry(kind="source", package="data_pipeline.sources")
