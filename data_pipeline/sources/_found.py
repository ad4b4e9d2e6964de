"""The files behind paths, globs and fsspec URLs, listed without opening one.

A list of files is handed to workers on other machines, so a file is known by the words that find it, not by
an open connection, and by the size and time that say whether it is still the same.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from orchestrator.errors import PageError, Problem

COMPRESSIONS = (".gz", ".zst")
_STAMPS = ("mtime", "ETag", "etag", "LastModified", "Last-Modified")


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFile:
    """One file behind a pattern; `name` is its path below what all files of the source share."""

    origin: str
    """The pattern or URL that leads to its file system."""
    path: str
    name: str
    size: int
    stamp: str
    format: str = ""
    compression: str = ""

    def open(self) -> BinaryIO:
        from fsspec.core import url_to_fs

        stream: BinaryIO = url_to_fs(self.origin)[0].open(self.path, "rb")
        return stream

    @property
    def address(self) -> str:
        """A path or URL that leads to this file alone."""
        first, chained, rest = self.origin.partition("::")
        protocol, said, _ = first.partition("://")
        path = glob.escape(self.path)
        return f"{protocol}://{path}{chained}{rest}" if said and "://" not in path else path

    @property
    def is_local(self) -> bool:
        return "::" not in self.origin and (
            "://" not in self.origin or self.origin.startswith(("file://", "local://"))
        )

    @property
    def facts(self) -> str:
        return f"{self.name} {self.size} {self.stamp}"


def find_files(patterns: Iterable[str], source: str, formats: tuple[str, ...]) -> list[FoundFile]:
    """All files of all patterns, sorted. Raises PageError for a pattern that matches none, or a file of no
    such format.
    """
    matches = {
        (system.unstrip_protocol(path), path): (info, pattern)
        for pattern in patterns
        for system, path, info in _matches(pattern, source)
    }
    common = common_folder([url for url, _ in matches])
    return [
        _described(info, path, url[len(common) :], pattern, source, formats)
        for (url, path), (info, pattern) in sorted(matches.items(), key=lambda match: match[0])
    ]


def page_error(pattern: str, source: str, message: str, fix: str) -> PageError:
    return PageError([Problem(file=pattern, path=f"source {source}", message=message, fix=fix)])


def printable(name: str) -> str:
    """A name as text: bytes of a file's name that are no UTF-8, as Linux allows them, become `\\udcff`."""
    return name.encode("utf-8", "backslashreplace").decode()


def signature_of(facts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def file_system(address: str, source: str) -> tuple[Any, str]:
    """(the file system of an address, the path on it). Raises PageError for one that nothing here can open."""
    from fsspec.core import url_to_fs

    try:
        system, path = url_to_fs(address)
    except (ImportError, ValueError) as error:
        fix = "install the package, or copy the files"
        raise page_error(address, source, f"cannot be opened: {error}", fix) from None
    return system, path


def size_and_stamp(system: Any, path: str, info: dict[str, Any]) -> tuple[int, str]:
    """What a listing says of a file, asked again where the listing (of a web server) says no size; -1 if
    nobody knows it.
    """
    if info.get("size") is None:
        info = system.info(path)
    size = info.get("size")
    return -1 if size is None else int(size), next((str(info[key]) for key in _STAMPS if info.get(key)), "")


def _matches(pattern: str, source: str) -> Iterator[tuple[Any, str, dict[str, Any]]]:
    from fsspec.core import has_magic

    system, path = file_system(pattern, source)
    if has_magic(path):
        found = system.glob(path, detail=True)
        inner = {str(PurePosixPath(name).parent) for name in found}
        kept = {
            name: info
            for name, info in found.items()
            if info["type"] != "directory" or _ends_like_a_file(name, inner)
        }
        if not kept:
            raise page_error(pattern, source, "this pattern matches no file", "correct the pattern")
        yield from ((system, name, _sized(system, name, info)) for name, info in kept.items())
    elif system.isdir(path):
        raise page_error(pattern, source, "is a folder", f"name its files: {pattern.rstrip('/')}/*.jsonl")
    elif not system.exists(path):
        raise page_error(pattern, source, "there is no such file", "correct the path")
    else:
        yield system, path, _sized(system, path, system.info(path))


def _ends_like_a_file(folder: str, inner: set[str]) -> bool:
    """A folder called `x.jsonl` is no file that was asked for; unless its files are among those found, it
    is told.
    """
    return folder not in inner and PurePosixPath(folder).suffix in (
        ".jsonl",
        ".parquet",
        ".txt",
        ".warc",
        *COMPRESSIONS,
    )


def _sized(system: Any, path: str, info: dict[str, Any]) -> dict[str, Any]:
    size, stamp = size_and_stamp(system, path, info)
    return {"size": size, "stamp": stamp}


def _described(
    info: dict[str, Any], path: str, name: str, pattern: str, source: str, formats: tuple[str, ...]
) -> FoundFile:
    compression = next((suffix for suffix in COMPRESSIONS if name.endswith(suffix)), "")
    stem = name.removesuffix(compression)
    for suffix in formats:
        if stem.endswith(suffix) and not (suffix == ".parquet" and compression):
            return FoundFile(
                origin=pattern, path=path, name=printable(name), size=info["size"], stamp=info["stamp"],
                format=suffix, compression=compression,
            )  # fmt: skip
    packed = [suffix for suffix in formats if suffix != ".parquet"]
    known = f"read are {' and '.join(packed)}, also .gz or .zst" + (
        ", and .parquet" if ".parquet" in formats else ""
    )
    fix = "narrow the pattern or convert the file"
    raise page_error(pattern, source, f"{name} is of no known format; {known}", fix)


def common_folder(urls: list[str]) -> str:
    """The longest `a/b/` that starts every url, without their last part."""
    folders = [url.split("/")[:-1] for url in urls]
    shared = 0
    while (
        all(len(folder) > shared for folder in folders) and len({folder[shared] for folder in folders}) == 1
    ):
        shared += 1
    return "".join(f"{part}/" for part in folders[0][:shared])
