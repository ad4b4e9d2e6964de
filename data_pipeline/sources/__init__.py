"""What a source is: a section of the mixture page that can be read as a stream of documents.

A new kind of source is one new file in this folder: a `Source` subclass whose `kind` is the file's
name, registered with `@SOURCES.register`. Nothing else is edited.

A record that cannot be used is part of the stream, as `Rejected` with its place and reason, so that
whoever reads the stream has to count it: a bad line in a user's file never silently vanishes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from data_pipeline.documents import Document, Rejected
from data_pipeline.steps import Content, Step
from orchestrator.pages import Section
from orchestrator.registry import Registry

__all__ = ["SOURCES", "Document", "Rejected", "Source"]

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A part of a source that is read, cleaned and written at once, by one worker: some files, or a range of one.

    `signature` changes whenever its documents may have changed; `size` is about what it holds, in bytes of text.
    """

    name: str
    parts: tuple[Any, ...]
    signature: str
    size: int


class Source(Section):
    """What every source says; each kind adds its own keys and the methods below."""

    name: Name
    kind: str
    weight: float | None = Field(default=None, gt=0, description="share of the training tokens, relative to the other sources")
    content: Content = "text"
    licence: str | None = None
    max_epochs: float | None = Field(default=None, gt=0)
    language: Language | None = Field(default=None, description="what its texts are written in: en, fr, zhs, ...")
    steps: tuple[Step, ...] = Field(default=(), description="what is done to its documents, before the page's steps")

    def expanded(self) -> Sequence[Source]:
        """The sources that this stands for: itself, unless its kind is a collection."""
        return (self,)

    def blocks(self, size: int) -> list[Block]:
        """Its parts of about `size` bytes of text each; together, in their order, they are the source. Reads no text."""
        return [Block(name="all", parts=(), signature=self.signature(), size=size)]

    def read(self, block: Block) -> Iterator[Document | Rejected]:
        """The documents of one block.

        What is wrong in a file (cut off, damaged, vanished) ends that file with one `Rejected`; the whole documents before it
        stay, half of one never does, and the next file is read.
        """
        return self.documents()

    def anchored(self, folder: Path) -> Source:
        """This source with its relative paths taken from `folder`, that of the mixture page."""
        return self

    def facts(self) -> dict[str, Any]:
        """What the page says of where documents come from; steps are signed apart."""
        return self.model_dump(mode="json", exclude={"steps"} | ({"language"} if self.language is None else set()))

    def reading(self) -> dict[str, Any]:
        """What decides which documents are read."""
        return self.model_dump(mode="json", exclude={"steps", "weight", "language", "licence", "max_epochs"})

    @abstractmethod
    def documents(self) -> Iterator[Document | Rejected]:
        """All documents, in an order that depends on nothing but the source's content."""

    @abstractmethod
    def signature(self) -> str:
        """Changes whenever the documents may have changed; must cost milliseconds, not a reading."""


SOURCES: Registry[type[Source]] = Registry(kind="source", package="data_pipeline.sources")
