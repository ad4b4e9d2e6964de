"""The bytes of a file without compression, and its lines, in bounded memory, up to where it is damaged.

A file that ends in the middle of its compression, such as a download that was cut off, reads like a shorter
file with most decompressors; a line of 100 MB, or a file of a few bytes that unpacks to gigabytes, takes
the memory of the machine. Here the first is `Broken`, the second a piece that says only its size.
"""

from __future__ import annotations

import errno
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from data_pipeline.sources._found import FoundFile
from orchestrator.errors import DataError

_CHUNK = 2**20
_ZSTD_INPUT = 2**10
"""zstandard gives all that an input unpacks to at once: 1 KiB are 32 MiB at most, and of text some 5 KiB."""
_OF_THE_FILE = {errno.EIO, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}
_CLIENTS = ("aiohttp", "botocore", "gcsfs", "requests")


class Broken(Exception):  # noqa: N818
    """A file cannot be read further; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What stands between two separators: where it begins (byte, line from 1), and its bytes unless there
    are too many.
    """

    start: int
    line: int
    size: int
    data: bytes | None


@contextmanager
def opened(file: FoundFile) -> Iterator[BinaryIO]:
    """The file, open. Raises Broken where it is the file that cannot be read, DataError where it may be the
    connection.
    """
    try:
        with file.open() as stream:
            yield stream
    except FileNotFoundError as error:
        if isinstance(error.__cause__, Exception) and _is_of_the_connection(error.__cause__):
            raise _not_reached(file, error.__cause__) from error
        raise Broken("is no longer there") from None
    except PermissionError:
        raise Broken("may not be read by this user") from None
    except IsADirectoryError:
        raise Broken("is a folder, not a file") from None
    except OSError as error:
        if error.errno in _OF_THE_FILE and file.is_local:
            raise Broken(f"cannot be read: {error.strerror}") from None
        raise _not_reached(file, error) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in _CLIENTS:
            raise
        raise _not_reached(file, error) from error


def is_of_a_library(error: OSError) -> bool:
    """Whether it is a decoder's word for bytes that it cannot read, and not one of a file system or a connection."""
    return type(error) is OSError and error.errno is None


def _is_of_the_connection(cause: Exception) -> bool:
    """Whether fsspec says "not found" of a server that did not answer, or answered that it cannot now."""
    status = getattr(cause, "status", None)
    if isinstance(status, int):
        return status == 429 or status >= 500
    return type(cause).__module__.startswith(
        "aiohttp."
    )  # of other clients it is the answer that there is no such file


def _not_reached(file: FoundFile, error: Exception) -> DataError:
    told = f"{file.path}: could not be read ({type(error).__name__}: {error})"
    return DataError(
        f"{told}; when it can be reached again, prepare the data again: it goes on where it stopped"
    )


def chunks(file: FoundFile, start: int = 0) -> Iterator[bytes]:
    """The decompressed bytes; of a file without compression, from `start`. Raises Broken, DataError."""
    if file.size == 0:
        raise Broken("is an empty file")
    with opened(file) as stream:
        if not file.compression:
            if start:
                stream.seek(start)
            while chunk := stream.read(_CHUNK):
                yield chunk
            return
        unpack = _UNPACKERS[file.compression]()
        while chunk := stream.read(_CHUNK):
            yield from unpack(chunk)
        yield from unpack(b"")


class _Gzip:
    """Chunks of a gzip file, of one or more members. An empty chunk says that the file ends here."""

    def __init__(self) -> None:
        self._member: Any = None
        self._members = 0

    def __call__(self, chunk: bytes) -> Iterator[bytes]:
        if not chunk and self._member is not None:
            raise Broken("ends in the middle of its compression; fetch or write the file again")
        while chunk:
            if self._member is None:
                chunk = (
                    chunk.lstrip(b"\0") if self._members else chunk
                )  # padding that tapes leave after a member
                self._member = zlib.decompressobj(wbits=31) if chunk else None  # 31: gzip header and trailer
                self._members += 1
                continue
            with _damage(zlib.error):
                text = self._member.decompress(chunk, _CHUNK)
            yield text
            chunk = self._member.unconsumed_tail
            if self._member.eof:
                chunk, self._member = self._member.unused_data, None


class _Zstandard:
    """Chunks of a zstd file, of one or more frames. An empty chunk says that the file ends here."""

    def __init__(self) -> None:
        from zstandard import ZstdDecompressor

        self._begin: Callable[[], Any] = ZstdDecompressor(max_window_size=2**31).decompressobj
        self._frame: Any = None

    def __call__(self, chunk: bytes) -> Iterator[bytes]:
        from zstandard import ZstdError

        if not chunk and self._frame is not None:
            raise Broken("ends in the middle of its compression; fetch or write the file again")
        for at in range(0, len(chunk), _ZSTD_INPUT):
            part = chunk[at : at + _ZSTD_INPUT]
            while part:
                self._frame = self._frame or self._begin()
                with _damage(ZstdError):
                    text = self._frame.decompress(part)
                yield text
                part, self._frame = (self._frame.unused_data, None) if self._frame.eof else (b"", self._frame)


_UNPACKERS: dict[str, Callable[[], Callable[[bytes], Iterator[bytes]]]] = {".gz": _Gzip, ".zst": _Zstandard}


@contextmanager
def _damage(kind: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kind as error:
        raise Broken(f"damaged compression ({error}); fetch or write the file again") from None


def pieces(stream: Iterator[bytes], separator: bytes, longest: int, start: int = 0) -> Iterator[Piece]:
    """What stands between separators, each at most `longest` bytes long, or only its size. `start` counts
    from 0.

    Nothing comes of a piece in which the stream breaks.
    """
    held: list[bytes] = []
    size, line, begun, tail = 0, 1, 1, b""
    edge = len(separator) - 1
    breaks = separator.count(b"\n")

    def add(part: bytes) -> None:
        nonlocal size, line
        size, line = size + len(part), line + (part.count(b"\n") if separator != b"\n" else 0)
        held.append(part)
        if size > longest:
            held.clear()

    def finished() -> Piece:
        return Piece(start, begun, size, b"".join(held) if size <= longest else None)

    for chunk in stream:
        *whole, tail = (tail + chunk).split(separator)
        for part in whole:
            add(part)
            yield finished()
            held.clear()
            start, line, size = start + size + len(separator), line + breaks, 0
            begun = line
        kept = max(0, len(tail) - edge)
        add(tail[:kept])
        tail = tail[kept:]
    add(tail)
    if size:
        yield finished()
