"""What the kinds that read files share: where these are, their blocks, and damage that ends one file alone."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from data_pipeline.sources import Block, Document, Rejected, Source
from data_pipeline.sources._blocks import Allowance, Part, grouped
from data_pipeline.sources._bytes import Broken
from data_pipeline.sources._found import FoundFile, find_files, signature_of
from orchestrator.pages import Bytes

LONGEST = 64 * 2**20

Paths = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    Field(min_length=1, description="paths, globs or fsspec URLs; relative ones start at the page's folder"),
]


class FileSource(Source):
    """A kind adds `formats`, the text it expects of a byte of each, and `_read`."""

    places: ClassVar[tuple[str, ...]] = ("paths",)
    formats: ClassVar[tuple[str, ...]]
    text_in_a_byte: ClassVar[float] = 1.0
    """Bytes of text in a byte of a file without compression; with compression, there are four times as
    many.
    """

    paths: Paths
    longest: Annotated[Bytes, Field(ge=1)] = Field(
        default=LONGEST, description="a longer record is rejected, unread"
    )
    limit: Annotated[Bytes, Field(ge=1)] | None = Field(
        default=None, description="bytes of text at most, from all its parts"
    )

    def files(self) -> list[FoundFile]:
        return find_files(self.paths, self.name, self.formats)

    def signature(self) -> str:
        return signature_of(file.facts for file in self.files())

    def blocks(self, size: int) -> list[Block]:
        return grouped([part for file in self.files() for part in self._parts(file, size)], size, self.limit)

    def read(self, block: Block) -> Iterator[Document | Rejected]:
        allowance = Allowance(block)
        for part in block.parts:
            yield from allowance.take(self._until_broken(part), part.size)

    def _until_broken(self, part: Part) -> Iterator[Document | Rejected]:
        try:
            yield from self._read(part)
        except Broken as error:
            yield Rejected(where=part.name, reason=str(error))

    def _parts(self, file: FoundFile, size: int) -> list[Part]:
        return [Part(file=file, size=self.text_of(file))]

    def text_of(self, file: FoundFile) -> int:
        """About how many bytes of text a file holds."""
        packed = 4 if file.compression or file.format == ".parquet" else 1
        return max(1, int(file.size * packed * self.text_in_a_byte))

    @abstractmethod
    def _read(self, part: Part) -> Iterator[Document | Rejected]:
        """The documents of a part. Raises Broken where it is damaged."""
