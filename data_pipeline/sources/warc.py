"""Web pages as crawlers keep them: WARC (ISO 28500), and the text of each page; or WET, which holds texts.

Most tools read an archive that was cut off as a shorter one, without a word. Here what a record says of its
length is held to.

    response      a page: its HTML decoded, and the text that a reader sees, without menus if `main_content`
    conversion    its text, as it is (the WET files of Common Crawl)

The library of both, for speed with main content (arXiv:2406.11794, section 4.2, finds it on a par with the
best, and much faster), is FastWARC and Resiliparse. Other records (requests, metadata) are no documents and
are passed over.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from importlib import metadata
from typing import Any, BinaryIO, ClassVar, Literal, cast

from pydantic import Field

from data_pipeline.sources import SOURCES, Document, Rejected
from data_pipeline.sources._blocks import Part
from data_pipeline.sources._bytes import Broken, chunks, is_of_a_library
from data_pipeline.sources._file_source import FileSource
from data_pipeline.sources._records import not_utf_8, problem_of, too_long

_PAGES = ("text/html", "application/xhtml+xml")
_PLAIN = ("text/plain",)


@SOURCES.register
class Warc(FileSource):
    kind: Literal["warc"]
    formats: ClassVar[tuple[str, ...]] = (".warc", ".wet")
    text_in_a_byte: ClassVar[float] = 0.25
    main_content: bool = Field(
        default=True, description="the article of a page, without menus, headers and footers"
    )

    def facts(self) -> dict[str, Any]:
        """Another version of the package may find another text in a page."""
        return {**super().facts(), "resiliparse": metadata.version("resiliparse")}

    def _read(self, part: Part) -> Iterator[Document | Rejected]:
        name = part.file.name
        for number, record in enumerate(_records(_Stream(chunks(part.file))), start=1):
            where = f"{name}:{number}"
            if not _is_document(record):
                continue
            if record.content_length > self.longest:
                yield Rejected(where=where, reason=too_long(record.content_length, self.longest))
                continue
            _hold_whole(record)
            kind, found = self._text(record)
            if kind == "problem" or (problem := problem_of(found)) is not None:
                yield Rejected(where=where, reason=found if kind == "problem" else str(problem))
                continue
            said = (("url", "WARC-Target-URI"), ("date", "WARC-Date"), ("record", "WARC-Record-ID"))
            meta = {key: record.headers.get(header) for key, header in said if record.headers.get(header)}
            yield Document(id=where, text=found, source=self.name, meta=meta)

    def _text(self, record: Any) -> tuple[Literal["text", "problem"], str]:
        if _kind(record) == "conversion":
            try:
                return "text", record.reader.read().decode("utf-8-sig")
            except UnicodeDecodeError as error:
                return "problem", not_utf_8(error)
        record.parse_http()
        headers = record.http_headers
        status = headers.status_code if headers is not None else None
        if status != 200:
            return "problem", f"no page: answered {status or 'nothing that is HTTP'}"
        kind = (record.http_content_type or "none").lower()
        if kind not in _PAGES + _PLAIN:
            return "problem", f"no page: content type {kind}"
        body = _unpacked(record.reader.read(), headers, self.longest)
        if body is None:
            return "problem", "damaged or too long compression of the page"
        text = _decoded(body, record.http_charset)
        return "text", self._visible(text) if kind in _PAGES else text

    def _visible(self, html: str) -> str:
        from resiliparse.extract.html2text import extract_plain_text

        return extract_plain_text(html, main_content=self.main_content)


class _Stream:
    """Decompressed chunks as the file that FastWARC reads. Its own decompression takes a cut file for a
    whole one.
    """

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self._held = b""
        self._begin = self._at = 0

    def read(self, size: int) -> bytes:
        while self._begin == len(self._held):
            chunk = next(self._source, None)
            if chunk is None:
                return b""
            self._held, self._begin = chunk, 0
        part = self._held[self._begin : self._begin + size]
        self._begin += len(part)
        self._at += len(part)
        return part

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        self._held, self._begin = b"", 0


def _records(stream: _Stream) -> Iterator[Any]:
    from fastwarc.warc import ArchiveIterator

    records = iter(ArchiveIterator(cast(BinaryIO, stream), parse_http=False, stream_detect=False))
    while True:
        try:
            record = next(records, None)
        except OSError as error:
            if not is_of_a_library(error):
                raise
            raise Broken(f"is damaged: {error}; fetch or write the file again") from None
        if record is None:
            return
        yield record


def _is_document(record: Any) -> bool:
    """Whether a record holds a text or a page. Raises Broken for a header that was cut, or is damaged: it
    says no length.
    """
    said = record.headers.get("Content-Length")
    if said is None:
        raise Broken("ends in the middle of a record; fetch or write the file again")
    if not (said.isascii() and said.isdigit()):
        raise Broken("is damaged: a record without a length; fetch or write the file again")
    return _kind(record) in ("response", "conversion")


def _kind(record: Any) -> str:
    return (record.headers.get("WARC-Type") or "").lower()


def _hold_whole(record: Any) -> None:
    """Reads the record. Raises Broken if it is shorter than it says."""
    said = int(record.headers["Content-Length"])
    record.freeze()
    if record.content_length != said:
        raise Broken("ends in the middle of a record; fetch or write the file again")


def _unpacked(body: bytes, headers: Any, longest: int) -> bytes | None:
    """The body without the encodings that its headers name, unless the crawler took them away already; None
    if damaged.
    """
    if "chunked" in (headers.get("Transfer-Encoding") or "").lower():
        body = _joined(body) or body
    encoding = (headers.get("Content-Encoding") or "").lower().strip()
    if encoding in ("gzip", "x-gzip") and body.startswith(b"\x1f\x8b"):
        return _inflated(body, 31, longest)
    if encoding == "deflate":
        return _inflated(body, 15, longest) or _inflated(body, -15, longest)
    if encoding == "br":
        return _from_brotli(body, longest)
    return body


def _inflated(body: bytes, wbits: int, longest: int) -> bytes | None:
    try:
        unpacker = zlib.decompressobj(wbits=wbits)
        text = unpacker.decompress(body, longest)
    except zlib.error:
        return None
    return text if unpacker.eof else None


def _from_brotli(body: bytes, longest: int) -> bytes | None:
    import brotli

    try:
        unpacker = brotli.Decompressor()
        text: bytes = unpacker.process(body, output_buffer_limit=longest)
    except brotli.error:
        return None
    return text if unpacker.is_finished() else None


def _joined(body: bytes) -> bytes | None:
    """The chunks of RFC 9112, section 7.1, put together; None if it is not in chunks, as many crawlers keep
    it.
    """
    parts: list[bytes] = []
    at = 0
    while (end := body.find(b"\r\n", at)) >= 0:
        try:
            size = int(body[at:end].split(b";")[0], 16)
        except ValueError:
            return None
        if size == 0:
            return b"".join(parts)
        parts.append(body[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
    return None


def _decoded(body: bytes, charset: str | None) -> str:
    """By the charset of the answer's header, else what the page says of itself, else what its bytes look
    like.
    """
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding, map_encoding_to_html5

    said = map_encoding_to_html5(charset) if charset else detect_encoding(body, from_html_meta=True)
    return bytes_to_str(body, said or "utf-8", strip_bom=True)
