"""What a source is: a section of the mixture page that can be read as blocks of documents.

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
from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from data_pipeline.documents import Document, Rejected
from data_pipeline.steps import Content, Step
from orchestrator.pages import Section
from orchestrator.registry import Registry

__all__ = ["SOURCES", "Block", "Document", "Rejected", "Source", "anchored_path"]

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9.+#-]{0,31}$")]
_WHOLE = 2**62

_QUIET = ("weight", "content", "language", "licence", "max_epochs", "limit", "longest")
"""Keys that the facts leave out where they hold their default: a page without them is asked for as before
they existed.
"""

_NOT_OF_THE_DOCUMENTS = ("weight", "max_epochs", "licence")


def anchored_path(said: Any, folder: Path) -> Any:
    """A path, or each of several, taken from `folder` if it is relative; addresses (`s3://...`) stay as
    they are.
    """
    if isinstance(said, str):
        return said if "://" in said or "::" in said else str(folder / said)
    return None if said is None else tuple(anchored_path(path, folder) for path in said)


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A part of a source that is read, cleaned and written at once, by one worker: some files, or a range
    of one.

    `signature` changes whenever its documents may have changed; `size` is about what it holds, in bytes of
    text.
    """

    name: str
    parts: tuple[Any, ...]
    signature: str
    size: int
    limit: int | None = None
    """Bytes of text at most that are read of it."""


class Source(Section):
    """What every source says; each kind adds its own keys and the methods below."""

    places: ClassVar[tuple[str, ...]] = ()
    """The keys that hold paths; relative ones start at the folder of the page that says them."""
    version: ClassVar[int] = 1
    """Raised by whoever changes what a kind reads: its texts are then read again."""

    name: Name
    kind: str
    weight: float | None = Field(
        default=None,
        gt=0,
        description="share of the training tokens, relative to the other sources; by its tokens if absent",
    )
    content: Content = Field(default="text", description="text, or code")
    language: Language | None = Field(
        default=None,
        description="what its texts are written in: en, fr, zhs, ...; of code: python, cpp, common-lisp, ...",
    )
    licence: str | None = Field(
        default=None, min_length=1, description="under which its texts are published: CC-BY-4.0, ..."
    )
    max_epochs: float | None = Field(default=None, gt=0, description="how often it may be read at most")
    steps: tuple[Step, ...] = Field(
        default=(), description="what is done to its documents, before the page's steps"
    )

    @field_validator("language")
    @classmethod
    def _of_its_content(cls, language: str | None, info: ValidationInfo) -> str | None:
        natural = language is None or (language.isalpha() and 2 <= len(language) <= 3)
        if not natural and info.data.get("content") == "text":
            told = f"language {language!r} is none that people write in: those have two or three letters"
            raise ValueError(
                f"{told}; fix: write a code such as en, fr or zhs, or `content: code` for program text"
            )
        return language

    def __reduce__(self) -> Any:
        """A page's source is of a class made for that page, which no other process has: it arrives as its kind."""
        return _received, (self.kind, self.model_fields_set, dict(self))

    def expanded(self) -> Sequence[Source]:
        """The sources that this stands for: itself, unless its kind is a collection."""
        return (self,)

    def blocks(self, size: int) -> list[Block]:
        """Its parts of about `size` bytes of text each; together, in their order, they are the source.
        Reads no text.
        """
        return [Block(name="all", parts=(), signature=self.signature(), size=size)]

    @abstractmethod
    def read(self, block: Block) -> Iterator[Document | Rejected]:
        """The documents of one block.

        What is wrong in a file (cut off, damaged, vanished) ends that file with one `Rejected`; the whole
        documents before it stay, half of one never does, and the next file is read.
        """

    def anchored(self, folder: Path) -> Source:
        """This source with its relative paths taken from `folder`, that of the mixture page."""
        return self.model_copy(update={key: anchored_path(getattr(self, key), folder) for key in self.places})

    def facts(self) -> dict[str, Any]:
        """What the page says of the source; steps are signed apart."""
        fields = type(self).model_fields
        unsaid = {key for key in _QUIET if key in fields and getattr(self, key) == fields[key].default}
        return {"version": self.version, **self.model_dump(mode="json", exclude={"steps"} | unsaid)}

    def reading(self) -> dict[str, Any]:
        """The facts that decide about its documents and what its steps do to them: not how often they are
        trained on.
        """
        return {key: value for key, value in self.facts().items() if key not in _NOT_OF_THE_DOCUMENTS}

    def documents(self) -> Iterator[Document | Rejected]:
        """All documents, in an order that depends on nothing but the source's content."""
        for block in self.blocks(_WHOLE):
            yield from self.read(block)

    @abstractmethod
    def signature(self) -> str:
        """Changes whenever the documents may have changed; must cost milliseconds, not a reading."""


def _received(kind: str, said: set[str], values: dict[str, Any]) -> Source:
    return SOURCES.get(kind).model_construct(_fields_set=said, **values)


SOURCES: Registry[type[Source]] = Registry(kind="source", package="data_pipeline.sources")
