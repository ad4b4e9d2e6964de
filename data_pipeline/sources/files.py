"""The user's own text: JSON lines, Parquet or plain text, here or behind any fsspec URL.

Large collections arrive with a few broken lines, and readers either die on the first of them or skip
them without a word. Here a bad record is handed on as `Rejected`, with file, line and reason.

    .jsonl .jsonl.gz .jsonl.zst    one JSON object a line, its text under `text_field`
    .parquet                       one document a row, its text in the column `text_field`
    .txt .txt.gz .txt.zst          one document a file, or several between `separator`s
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from data_pipeline.sources import SOURCES, Document, Rejected
from data_pipeline.sources import _records as records
from data_pipeline.sources._blocks import Part
from data_pipeline.sources._bytes import Broken
from data_pipeline.sources._file_source import FileSource
from data_pipeline.sources._found import FoundFile


class TextFiles(FileSource):
    """Files that hold texts as they are."""

    formats: ClassVar[tuple[str, ...]] = (".jsonl", ".parquet", ".txt")
    text_field: str = "text"
    id_field: str | None = Field(default=None, description="default: the document's file and line")
    meta_field: str = Field(
        default="meta", description="a JSON object kept beside the document, where there is one"
    )
    separator: str | None = Field(
        default=None, min_length=1, description="what stands between documents of a .txt"
    )

    def _parts(self, file: FoundFile, size: int) -> list[Part]:
        if self.text_of(file) <= size:
            return super()._parts(file, size)
        if file.format == ".jsonl" and not file.compression and file.size > records.LARGE:
            starts = range(0, file.size, max(size, records.LARGE // 4))
            return [
                Part(
                    file=file, size=min(starts.step, file.size - start), start=start, stop=start + starts.step
                )
                for start in starts
            ]
        if file.format == ".parquet":
            return _row_group_parts(file, size) or super()._parts(file, size)
        return super()._parts(file, size)

    def _read(self, part: Part) -> Iterator[Document | Rejected]:
        fields = (self.text_field, self.id_field, self.meta_field)
        if part.file.format == ".parquet":
            found = records.parquet_rows(part, tuple(field for field in fields if field), self.longest)
        elif part.file.format == ".jsonl":
            found = records.json_lines(part, self.longest)
        else:
            found = records.plain_texts(part, self.text_field, self.separator, self.longest)
        for where, record in found:
            yield records.document_of(where, record, self.name, fields)


@SOURCES.register
class Files(TextFiles):
    kind: Literal["files"]


def _row_group_parts(file: FoundFile, size: int) -> list[Part]:
    """Neighbouring row groups of about `size` bytes; none of a file that is damaged: whoever reads it says
    so.
    """
    parts: list[Part] = []
    try:
        sizes = records.row_groups(file)
    except Broken:
        return []
    for group, held in enumerate(sizes):
        if parts and parts[-1].size + held <= size:
            parts[-1] = Part(file=file, size=parts[-1].size + held, start=parts[-1].start, stop=group + 1)
        else:
            parts.append(Part(file=file, size=held, start=group, stop=group + 1))
    return parts
