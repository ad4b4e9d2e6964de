"""Folders of program text, such as checked-out repositories: a document a file, its language and licence.

What is left out (code of others, minified, generated, binary, too large) is told with its reason, a folder
as one. Files that are in no programming language known here, such as pictures and tables, are not looked
at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from data_pipeline.sources import SOURCES, Block, Document, Rejected, Source
from data_pipeline.sources import _code as code
from data_pipeline.sources._blocks import grouped
from data_pipeline.sources._bytes import Broken, opened
from data_pipeline.sources._file_source import Paths
from data_pipeline.sources._found import (
    FoundFile,
    common_folder,
    file_system,
    page_error,
    signature_of,
    size_and_stamp,
)
from data_pipeline.sources._licences import is_licence_file, licence_of, tag_of
from data_pipeline.sources._records import not_utf_8, problem_of, too_long
from data_pipeline.steps import Content
from orchestrator.pages import Bytes
from orchestrator.registry import unknown


def _known(language: str) -> str:
    if language not in code.LANGUAGES:
        raise ValueError(
            f"{unknown('programming language', language, code.LANGUAGES)}; fix: write one of these"
        )
    return language


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeFile:
    """A file that may become a document, or, with `problem`, something that is left out as it was found."""

    file: FoundFile
    licences: tuple[FoundFile, ...] = ()
    """The licence files nearest above it."""
    problem: str | None = None

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def size(self) -> int:
        return 0 if self.problem else self.file.size

    @property
    def facts(self) -> str:
        return " ".join([self.file.facts, *(licence.facts for licence in self.licences), self.problem or ""])


@SOURCES.register
class CodeFolder(Source):
    kind: Literal["code_folder"]
    places: ClassVar[tuple[str, ...]] = ("paths",)
    content: Content = Field(default="code", description="code, unless steps for texts are wanted")
    paths: Paths
    languages: tuple[Annotated[str, AfterValidator(_known)], ...] = Field(
        default=(),
        description="of which files are read; all programming languages if none is said, nor `language`",
    )
    longest: Annotated[Bytes, Field(ge=1)] = Field(
        default=2**20, description="a larger file is left out, unread"
    )
    limit: Annotated[Bytes, Field(ge=1)] | None = Field(
        default=None,
        description="bytes at most; the files that fit in it come from everywhere, by their hash",
    )

    def signature(self) -> str:
        return signature_of(part.facts for part in self._found())

    def blocks(self, size: int) -> list[Block]:
        return grouped(self._found(), size)

    def read(self, block: Block) -> Iterator[Document | Rejected]:
        licences: dict[FoundFile, str | None] = {}
        for part in block.parts:
            problem = part.problem
            if problem is None:
                try:
                    found = self._document(part, licences)
                    yield from () if found is None else (found,)
                    continue
                except Broken as error:
                    problem = str(error)
            yield Rejected(where=part.name, reason=problem)

    def _document(self, part: CodeFile, licences: dict[FoundFile, str | None]) -> Document | Rejected | None:
        """None for a file that only its text shows to be in a language that is not asked for."""
        with opened(part.file) as stream:
            raw = stream.read()
        name, language = part.file.name, code.language_of(part.file.name, raw)
        if language not in self._languages():
            return None
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            return Rejected(where=name, reason=code.left_out_file(name, raw) or not_utf_8(error))
        if problem := code.left_out_file(name, raw) or problem_of(text):
            return Rejected(where=name, reason=problem)
        meta: dict[str, object] = {"path": name, "language": language}
        if licence := tag_of(raw) or _licence(part.licences, licences):
            meta["license"] = licence
        return Document(id=name, text=text, source=self.name, meta=meta)

    def _found(self) -> list[CodeFile]:
        folders = [(path, *file_system(path, self.name)) for path in sorted(set(self.paths))]
        common = common_folder([f"{root.rstrip('/')}/" for _, _, root in folders])
        found: list[CodeFile] = []
        for origin, system, root in folders:
            if not system.isdir(root):
                raise page_error(origin, self.name, "there is no such folder", "correct the path")
            found += self._walk(origin, system, root.rstrip("/"), f"{root.rstrip('/')}/"[len(common) :])
        wanted = sorted(found, key=lambda part: part.name)
        return wanted if self.limit is None else _drawn(wanted, self.limit)

    def _walk(self, origin: str, system: object, root: str, prefix: str) -> Iterator[CodeFile]:
        above: dict[str, tuple[FoundFile, ...]] = {}
        wanted = set(self._languages())
        for folder, folders, files in system.walk(root, detail=True, topdown=True):  # type: ignore[attr-defined]
            inside = (
                folder.rstrip("/")
                .removeprefix(root.lstrip("/") if not folder.startswith("/") else root)
                .strip("/")
            )
            found = [
                self._file(
                    origin,
                    system,
                    path_of(info),
                    f"{prefix}{inside}/{name}" if inside else f"{prefix}{name}",
                    info,
                )
                for name, info in sorted(files.items())
                if not info.get("islink") and (code.language_of_name(name) or is_licence_file(name))
            ]
            own = tuple(file for file in found if is_licence_file(file.name))
            above[inside] = licences = own or above.get(inside.rpartition("/")[0], ())
            yield from (
                self._part(file, licences) for file in found if wanted & code.possible_languages(file.name)
            )
            for name, info in sorted(folders.items()):
                if problem := code.left_out_folder(name):
                    del folders[name]
                    place = f"{prefix}{inside}/{name}/" if inside else f"{prefix}{name}/"
                    yield CodeFile(
                        file=FoundFile(origin=origin, path=path_of(info), name=place, size=0, stamp=""),
                        problem=problem,
                    )

    def _file(self, origin: str, system: object, path: str, name: str, info: dict[str, object]) -> FoundFile:
        size, stamp = size_and_stamp(system, path, info)
        return FoundFile(origin=origin, path=path, name=name, size=size, stamp=stamp)

    def _languages(self) -> Collection[str]:
        return self.languages or ((self.language,) if self.language else code.PROGRAMS)

    def _part(self, file: FoundFile, licences: tuple[FoundFile, ...]) -> CodeFile:
        problem = (
            "is an empty file"
            if file.size == 0
            else too_long(file.size, self.longest)
            if file.size > self.longest
            else None
        )
        return CodeFile(file=file, licences=licences, problem=problem)


def path_of(info: dict[str, object]) -> str:
    return str(info["name"])


def _licence(files: tuple[FoundFile, ...], known: dict[FoundFile, str | None]) -> str | None:
    """What the licence files of a folder say; several are a choice between them (MIT OR Apache-2.0)."""
    for file in files:
        if file not in known:
            with opened(file) as stream:
                known[file] = licence_of(stream.read(2**20).decode("utf-8", errors="replace"))
    names = sorted({name for file in files if (name := known[file]) is not None})
    return " OR ".join(names) if names else None


def _drawn(parts: list[CodeFile], limit: int) -> list[CodeFile]:
    """Files of at most `limit` bytes together, drawn by the hash of their names, and what is told of
    others.
    """
    taken: set[str] = set()
    left = limit
    for part in sorted(parts, key=lambda part: signature_of([part.name])):
        if part.problem is None and part.size <= left:
            left -= part.size
            taken.add(part.name)
    return [part for part in parts if part.problem is not None or part.name in taken]
