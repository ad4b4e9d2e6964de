"""What a source is: a section of the mixture page that can be read as a stream of documents.

A new kind of source is one new file in this folder: a `Source` subclass whose `kind` is the file's
name, registered with `@SOURCES.register`. Nothing else is edited.

A record that cannot be used is part of the stream, as `Rejected` with its place and reason, so that
whoever reads the stream has to count it: a bad line in a user's file never silently vanishes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from data_pipeline.documents import Document, Rejected
from data_pipeline.steps import Step
from orchestrator.pages import Section
from orchestrator.registry import Registry

__all__ = ["SOURCES", "Document", "Rejected", "Source"]

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]


class Source(Section):
    """What every source says; each kind adds its own keys and the three methods below."""

    name: Name
    kind: str
    weight: float = Field(gt=0, description="share of the training tokens, relative to the other sources")
    language: Language | None = Field(default=None, description="what its texts are written in: en, fr, zhs, ...")
    steps: tuple[Step, ...] = Field(default=(), description="what is done to its documents, before the page's steps")

    def anchored(self, folder: Path) -> Source:
        """This source with its relative paths taken from `folder`, that of the mixture page."""
        return self

    def facts(self) -> dict[str, Any]:
        """What the page says of where documents come from; steps are signed apart."""
        return self.model_dump(mode="json", exclude={"steps"} | ({"language"} if self.language is None else set()))

    @abstractmethod
    def documents(self) -> Iterator[Document | Rejected]:
        """All documents, in an order that depends on nothing but the source's content."""

    @abstractmethod
    def signature(self) -> str:
        """Changes whenever the documents may have changed; must cost milliseconds, not a reading."""


SOURCES: Registry[type[Source]] = Registry(kind="source", package="data_pipeline.sources")
