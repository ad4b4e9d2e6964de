"""The user's own text: JSON lines, Parquet or plain text, here or behind any fsspec URL.

Large collections arrive with a few broken lines, and readers either die on the first of them or skip
them without a word. Here a bad record is handed on as `Rejected`, with file, line and reason.

    .jsonl .jsonl.gz .jsonl.zst    one JSON object a line, its text under `text_field`
    .parquet                       one document a row, its text in the column `text_field`
    .txt .txt.gz .txt.zst          one document a file, or several between `separator`s
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from data_pipeline.sources import SOURCES, Document, Rejected, Source
from data_pipeline.sources._found import FoundFile, chunks, find_files, lines, page_error
from orchestrator.errors import DataError
from orchestrator.registry import unknown

Record = tuple[str, dict[str, Any] | str]  # (where, the record or why there is none)


@SOURCES.register
class Files(Source):
    kind: Literal["files"]
    paths: Annotated[
        tuple[str, ...],
        BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
        Field(
            min_length=1, description="paths, globs or fsspec URLs; relative ones start at the page's folder"
        ),
    ]
    text_field: str = "text"
    id_field: str | None = Field(default=None, description="default: the document's file and line")
    meta_field: str = Field(
        default="meta", description="a JSON object kept beside the document, where there is one"
    )
    separator: str | None = Field(
        default=None, min_length=1, description="what stands between documents of a .txt"
    )

    def anchored(self, folder: Path) -> Files:
        paths = tuple(path if "://" in path or "::" in path else str(folder / path) for path in self.paths)
        return self.model_copy(update={"paths": paths})

    def signature(self) -> str:
        facts = []
        for file in find_files(self.paths, self.name):
            info = file.system.info(file.path)
            changed = next(
                (str(info[key]) for key in ("mtime", "ETag", "etag", "LastModified") if info.get(key)), ""
            )
            facts.append(f"{file.name} {info.get('size')} {changed}")
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()

    def documents(self) -> Iterator[Document | Rejected]:
        for file in find_files(self.paths, self.name):
            for where, record in self._records(file):
                yield self._document(where, record)

    def _records(self, file: FoundFile) -> Iterator[Record]:
        if file.format == ".parquet":
            return _parquet_rows(file, self.name, [self.text_field, self.id_field, self.meta_field])
        if file.format == ".jsonl":
            return _json_lines(file)
        return _plain_texts(file, self.text_field, self.separator)

    def _document(self, where: str, record: dict[str, Any] | str) -> Document | Rejected:
        if isinstance(record, str):
            return Rejected(where=where, reason=record)
        text = record.get(self.text_field)
        if not isinstance(text, str):
            found = (
                f"{type(text).__name__}"
                if self.text_field in record
                else f"fields {', '.join(record) or 'none'}"
            )
            return Rejected(where=where, reason=f"no text in field {self.text_field!r} (found: {found})")
        if not text.strip():
            return Rejected(where=where, reason="empty text")
        if not _is_encodable(text):
            return Rejected(where=where, reason="half of a surrogate pair in the text")
        name = where if self.id_field is None else record.get(self.id_field)
        if not isinstance(name, str | int):
            return Rejected(where=where, reason=f"no id in field {self.id_field!r}")
        meta = record.get(self.meta_field)
        return Document(
            id=str(name), text=text, source=self.name, meta=meta if isinstance(meta, dict) else {}
        )


def _json_lines(file: FoundFile) -> Iterator[Record]:
    for number, line in enumerate(lines(file), start=1):
        if not line.strip():
            continue
        yield f"{file.name}:{number}", _json_object(line, "utf-8-sig" if number == 1 else "utf-8")


def _json_object(line: bytes, encoding: str) -> dict[str, Any] | str:
    try:
        record = json.loads(line.decode(encoding))
    except UnicodeDecodeError as error:
        return f"byte 0x{line[error.start]:02x} at {error.start + 1} is not UTF-8"
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg} at column {error.colno}"
    except RecursionError:
        return "JSON nested too deeply"
    return record if isinstance(record, dict) else "not a JSON object"


def _parquet_rows(file: FoundFile, source: str, fields: list[str | None]) -> Iterator[Record]:
    from pyarrow import ArrowInvalid
    from pyarrow.parquet import ParquetFile

    with file.system.open(file.path, "rb") as stream:
        try:
            table = ParquetFile(stream)
        except ArrowInvalid as error:
            raise DataError(
                f"{file.name}: is not a whole Parquet file ({error}); fetch or write it again"
            ) from None
        present = table.schema_arrow.names
        if fields[0] not in present:
            raise page_error(
                file.name, source, unknown("column", str(fields[0]), present), "set `text_field`"
            )
        number = 0
        for batch in table.iter_batches(
            batch_size=1024, columns=[name for name in fields if name in present]
        ):
            for row in batch.to_pylist():
                number += 1
                yield f"{file.name}:{number}", row


def _plain_texts(file: FoundFile, text_field: str, separator: str | None) -> Iterator[Record]:
    try:
        text = b"".join(chunks(file)).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield file.name, f"byte 0x{error.object[error.start]:02x} at {error.start + 1} is not UTF-8"
        return
    if separator is None:
        yield file.name, {text_field: text}
        return
    line = 1
    for piece in text.split(separator):
        if piece.strip():
            yield f"{file.name}:{line}", {text_field: piece}
        line += (piece + separator).count("\n")


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
