"""The records of one file: lines of JSON, rows of Parquet, texts; each with its place, or why it is none.

The place is the id of a document that has no other, so it must not change with the size of blocks: it is
the number of a line, or of a row. Only in a file of JSON lines that is large enough to be cut, where
counting lines would mean reading all before them, it is the byte at which the line begins, whether the file
is cut or not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from data_pipeline.documents import Document, Rejected
from data_pipeline.sources._blocks import Part
from data_pipeline.sources._bytes import Broken, Piece, chunks, is_of_a_library, opened, pieces
from data_pipeline.sources._found import FoundFile, printable
from orchestrator.registry import unknown
from orchestrator.units import format_bytes

Record = tuple[str, dict[str, Any] | str]
"""(where, the record or why there is none)"""

LARGE = 2**26
"""A file of JSON lines without compression of more bytes than this may be cut, and its lines are known by
their bytes.
"""


def json_lines(part: Part, longest: int) -> Iterator[Record]:
    """The lines that begin in the part. Raises Broken."""
    file, start = part.file, part.start
    lines = pieces(chunks(file, max(0, start - 1)), b"\n", longest, max(0, start - 1))
    if start:
        next(lines, None)  # the end of a line that begins before
    by_byte = file.size > LARGE and not file.compression
    for number, line in enumerate(lines, start=1):
        if part.stop is not None and line.start >= part.stop:
            return
        where = f"{file.name}@{line.start}" if by_byte else f"{file.name}:{number}"
        if line.data is None:
            yield where, too_long(line.size, longest)
        elif line.data.strip():
            yield where, _json_object(line.data, "utf-8-sig" if line.start == 0 else "utf-8")


def _json_object(line: bytes, encoding: str) -> dict[str, Any] | str:
    try:
        record = json.loads(line.decode(encoding))
    except UnicodeDecodeError as error:
        return not_utf_8(error)
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg} at column {error.colno}"
    except RecursionError:
        return "JSON nested too deeply"
    except ValueError:  # of a number of thousands of digits, which Python refuses to convert
        return "not JSON: a number with too many digits"
    return record if isinstance(record, dict) else "not a JSON object"


def parquet_rows(part: Part, fields: tuple[str, ...], longest: int) -> Iterator[Record]:
    """The rows of the row groups of the part, of which only `fields` are read; the first is needed.

    Raises Broken where it is damaged, after the batches of rows before.
    """
    file = part.file
    with _parquet(file) as table:
        present = table.schema_arrow.names
        groups = range(part.start, table.num_row_groups if part.stop is None else part.stop)
        number = sum(table.metadata.row_group(group).num_rows for group in range(part.start))
        if fields[0] not in present:
            raise Broken(f"{unknown('column', fields[0], present)}; set `text_field`")
        columns = [name for name in fields if name in present]
        for group in groups:  # one by one: a batch of rows of two groups would be lost with the second
            for row in _rows(table.iter_batches(batch_size=256, row_groups=[group], columns=columns)):
                number += 1
                size = len(row.get(fields[0]) or "") if isinstance(row, dict) else 0
                yield f"{file.name}:{number}", row if size <= longest else too_long(size, longest)


def row_groups(file: FoundFile) -> list[int]:
    """The bytes of each row group, by the file's own account. Raises Broken."""
    with _parquet(file) as table:
        said = table.metadata
        return [said.row_group(group).total_byte_size for group in range(said.num_row_groups)]


@contextmanager
def _parquet(file: FoundFile) -> Iterator[Any]:
    """The file, open; a page's checksum is held to where it has one. Raises Broken for what pyarrow cannot read."""
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    with opened(file) as stream:
        try:
            yield ParquetFile(stream, page_checksum_verification=True)
        except (ArrowException, OSError) as error:
            if isinstance(error, OSError) and not is_of_a_library(error):
                raise
            said = str(error).splitlines()[0]
            raise Broken(f"damaged or incomplete Parquet ({said}); fetch or write the file again") from None


def _rows(batches: Iterable[Any]) -> Iterator[dict[str, Any] | str]:
    """The rows of batches, and of one whose text is not UTF-8 the reason."""
    for batch in batches:
        try:
            yield from batch.to_pylist()
        except UnicodeDecodeError:
            yield from (_row(batch.slice(at, 1)) for at in range(batch.num_rows))


def _row(batch: Any) -> dict[str, Any] | str:
    try:
        row: dict[str, Any] = batch.to_pylist()[0]
    except UnicodeDecodeError as error:
        return not_utf_8(error)
    return row


def plain_texts(part: Part, text_field: str, separator: str | None, longest: int) -> Iterator[Record]:
    """The file as one text, or what stands between the separators. Raises Broken."""
    file = part.file
    if separator is None:
        read, size = [], 0
        for chunk in chunks(file):
            size += len(chunk)
            read.append(chunk)
            if size > longest:
                read.clear()
        whole = Piece(0, 1, size, b"".join(read) if size <= longest else None)
        yield file.name, _text(whole, text_field, longest)
        return
    for piece in pieces(chunks(file), separator.encode(), longest):
        if piece.data is None or piece.data.strip():
            yield f"{file.name}:{piece.line}", _text(piece, text_field, longest)


def _text(piece: Piece, text_field: str, longest: int) -> dict[str, Any] | str:
    if piece.data is None:
        return too_long(piece.size, longest)
    try:
        return {text_field: piece.data.decode("utf-8-sig" if piece.start == 0 else "utf-8")}
    except UnicodeDecodeError as error:
        return not_utf_8(error)


def not_utf_8(error: UnicodeDecodeError) -> str:
    return f"byte 0x{error.object[error.start]:02x} at {error.start + 1} is not UTF-8"


def too_long(size: int, longest: int) -> str:
    return f"is {format_bytes(size)} long, `longest` is {format_bytes(longest)}"


def problem_of(text: str) -> str | None:
    """Why a text is none that could be trained on: nothing in it, or what no text holds."""
    if not text.strip():
        return "empty text"
    if (at := text.find("\0")) >= 0:
        return f"a NUL character at {at + 1} of the text"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "half of a surrogate pair in the text"
    return None


def document_of(
    where: str, record: dict[str, Any] | str, source: str, fields: tuple[str, str | None, str]
) -> Document | Rejected:
    """A record as a document; `fields` are those of its text, its id and its meta."""
    if isinstance(record, str):
        return Rejected(where=where, reason=record)
    text_field, id_field, meta_field = fields
    text = record.get(text_field)
    if not isinstance(text, str):
        found = type(text).__name__ if text_field in record else f"fields {', '.join(record) or 'none'}"
        return Rejected(where=where, reason=f"no text in field {text_field!r} (found: {found})")
    if problem := problem_of(text):
        return Rejected(where=where, reason=problem)
    name = where if id_field is None else record.get(id_field)
    if not isinstance(name, str | int):
        return Rejected(where=where, reason=f"no id in field {id_field!r}")
    meta = record.get(meta_field)
    return Document(id=printable(str(name)), text=text, source=source, meta=_printable_meta(meta) if isinstance(meta, dict) else {})


def _printable_meta(meta: dict[str, Any]) -> dict[str, Any]:
    """The same; only where JSON escapes gave half of a surrogate pair, which no file can hold, `?` in its place."""
    said = json.dumps(meta, ensure_ascii=False, default=str)
    try:
        said.encode()
    except UnicodeEncodeError:
        repaired: dict[str, Any] = json.loads(said.encode("utf-8", "replace"))
        return repaired
    return meta
