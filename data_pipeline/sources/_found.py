"""The files behind paths, globs and fsspec URLs, and their bytes without compression.

A file that ends in the middle of its compression, such as a download that was cut off, reads like a
shorter file with most decompressors. Here it is an error.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import DataError, PageError, Problem

_FORMATS = (".jsonl", ".parquet", ".txt")
_COMPRESSIONS = (".gz", ".zst")
_CHUNK = 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFile:
    """One file behind a pattern; `name` is its path below what all files of the source share."""

    system: Any
    path: str
    name: str
    format: str
    compression: str


def find_files(patterns: Iterable[str], source: str) -> list[FoundFile]:
    """All files of all patterns, sorted. Raises PageError naming a pattern that matches none."""
    matches = {
        (system.unstrip_protocol(path), path): (system, pattern)
        for pattern in patterns
        for system, path in _matches(pattern, source)
    }
    common = _common_folder([url for url, _ in matches])
    return [
        _described(system, path, url[len(common) :], pattern, source)
        for (url, path), (system, pattern) in sorted(matches.items(), key=lambda match: match[0])
    ]


def page_error(pattern: str, source: str, message: str, fix: str) -> PageError:
    return PageError([Problem(file=pattern, path=f"source {source}", message=message, fix=fix)])


def chunks(file: FoundFile) -> Iterator[bytes]:
    """The decompressed bytes. Raises DataError for a file cut off or damaged inside its compression."""
    with file.system.open(file.path, "rb") as stream:
        if not file.compression:
            while chunk := stream.read(_CHUNK):
                yield chunk
            return
        failures, begin = _decompressor(file.compression)
        member = begin()
        while chunk := stream.read(_CHUNK):
            while chunk:
                member = begin() if member.eof else member
                try:
                    yield member.decompress(chunk)
                except failures as error:
                    raise DataError(
                        f"{file.name}: damaged compression ({error}); fetch or write the file again"
                    ) from None
                chunk = member.unused_data
        if not member.eof:
            raise DataError(
                f"{file.name}: ends in the middle of its compression; fetch or write the file again"
            )


def _decompressor(compression: str) -> tuple[type[Exception], Any]:
    if compression == ".gz":
        return zlib.error, lambda: zlib.decompressobj(wbits=31)  # 31: gzip header and trailer
    import zstandard

    return zstandard.ZstdError, zstandard.ZstdDecompressor().decompressobj


def lines(file: FoundFile) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks(file):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _matches(pattern: str, source: str) -> list[tuple[Any, str]]:
    from fsspec.core import has_magic, url_to_fs

    try:
        system, path = url_to_fs(pattern)
    except (ImportError, ValueError) as error:
        raise page_error(
            pattern, source, f"cannot be opened: {error}", "install the package, or copy the files"
        ) from None
    if has_magic(path):
        found = [name for name in system.glob(path) if not system.isdir(name)]
        if not found:
            raise page_error(pattern, source, "this pattern matches no file", "correct the pattern")
        return [(system, name) for name in found]
    if system.isdir(path):
        raise page_error(pattern, source, "is a folder", f"name its files: {pattern.rstrip('/')}/*.jsonl")
    if not system.exists(path):
        raise page_error(pattern, source, "there is no such file", "correct the path")
    return [(system, path)]


def _described(system: Any, path: str, name: str, pattern: str, source: str) -> FoundFile:
    stem, compression = name, ""
    for suffix in _COMPRESSIONS:
        if stem.endswith(suffix):
            stem, compression = stem.removesuffix(suffix), suffix
    for suffix in _FORMATS:
        if stem.endswith(suffix) and not (suffix == ".parquet" and compression):
            return FoundFile(system=system, path=path, name=name, format=suffix, compression=compression)
    known = "; read are .jsonl and .txt, also .gz or .zst, and .parquet"
    raise page_error(
        pattern, source, f"{name} is of no known format{known}", "narrow the pattern or convert the file"
    )


def _common_folder(urls: list[str]) -> str:
    """The longest `a/b/` that starts every url, without their last part."""
    folders = [url.split("/")[:-1] for url in urls]
    shared = 0
    while (
        all(len(folder) > shared for folder in folders) and len({folder[shared] for folder in folders}) == 1
    ):
        shared += 1
    return "".join(f"{part}/" for part in folders[0][:shared])
