"""Many files named by one pattern (`fr_wiktionary.jsonl.zst`): a source for each language, from one entry.

    - {kind: collection, name: corpus, paths: folder/*.jsonl.zst, pattern: "{language}_{collection}.jsonl.zst"}

A catalogue of five hundred files would be a page of five hundred entries, and another folder of the same
format another such page. Here the names of the files say what a page would: the language, and whether it is
a programming language. A table beside the files (`listing`: CSV with the columns file, kind, language,
licence, of which all but the first may be missing) says more.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from data_pipeline.sources import SOURCES, Source
from data_pipeline.sources._bytes import Broken, opened
from data_pipeline.sources._found import FoundFile, file_system, page_error
from data_pipeline.sources._languages import language_of_tag
from data_pipeline.sources.files import Files, TextFiles
from data_pipeline.steps import Content

_COLUMNS = {
    "file": ("file",),
    "kind": ("kind", "content"),
    "language": ("language", "lang"),
    "licence": ("licence", "license"),
}
_KINDS: dict[str, Content] = {"code": "code", "text": "text", "natural": "text"}
_FIELDS = {"language": r"(?P<language>[A-Za-z][A-Za-z0-9+#-]*)", "collection": r"(?P<collection>[^/]+?)"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """What is known of one file."""

    file: FoundFile
    language: str
    content: Content
    licence: str | None


@SOURCES.register
class Collection(TextFiles):
    kind: Literal["collection"]
    places: ClassVar[tuple[str, ...]] = ("paths", "listing")
    pattern: str = Field(
        default="{language}_*", min_length=1, description="of the files' names: {language}, {collection}, *"
    )
    by: Literal["language", "file"] = Field(
        default="language", description="a source for each language, or for each file"
    )
    listing: str | None = Field(
        default=None, min_length=1, description="a CSV with the columns file, kind, language, licence"
    )

    @field_validator("pattern")
    @classmethod
    def _names_a_language(cls, pattern: str) -> str:
        fields = re.findall(r"\{(\w*)\}", pattern)
        if fields.count("language") != 1 or set(fields) - set(_FIELDS) or fields.count("collection") > 1:
            told = f"{pattern!r} must name {{language}} once, and may name {{collection}}"
            raise ValueError(f'{told}; fix: write `pattern: "{{language}}_{{collection}}.jsonl.zst"`')
        return pattern

    def expanded(self) -> Sequence[Source]:
        """A Files source for each language or file. A weight and a limit are shared by the sizes of their
        files.
        """
        rows = self._rows()
        groups: dict[tuple[str, Content], list[_Row]] = defaultdict(list)
        for row in rows:
            key = row.language if self.by == "language" else _stem(row.file.name)
            groups[key, row.content].append(row)
        total = sum(row.file.size for row in rows)
        members = [
            self._member(key, group, sum(row.file.size for row in group) / max(1, total))
            for (key, _), group in groups.items()
        ]
        return sorted(members, key=lambda member: member.name)

    def _member(self, key: str, rows: list[_Row], share: float) -> Files:
        name = f"{self.name}.{key}"
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
            fix = "give the collection a short name, or the files names of letters, digits, `_`, `-` and `.`"
            raise page_error(
                rows[0].file.name, self.name, f"the source {name!r} would have no valid name", fix
            )
        licences = {row.licence for row in rows}
        shared = ("max_epochs", "steps", "longest", "text_field", "id_field", "meta_field", "separator")
        return Files(
            name=name, kind="files", paths=tuple(row.file.address for row in rows),
            content=rows[0].content, language=rows[0].language,
            weight=None if self.weight is None else self.weight * share,
            limit=None if self.limit is None else max(1, int(self.limit * share)),
            licence=self.licence or (licences.pop() if len(licences) == 1 else None),
            **{key: getattr(self, key) for key in shared},
        )  # fmt: skip

    def _rows(self) -> list[_Row]:
        files = self.files()
        said = self._listed()
        pattern = _compiled(self.pattern)
        rows = [self._row(file, said.get(file.name.rpartition("/")[2], {}), pattern) for file in files]
        unnamed = [file.name for file, row in zip(files, rows, strict=True) if row is None]
        if unnamed:
            told = (
                f"{len(unnamed)} files name no language by {self.pattern!r}, such as {', '.join(unnamed[:3])}"
            )
            fix = "correct `pattern`, narrow `paths`, or name their languages in a `listing`"
            raise page_error(self.paths[0], self.name, told, fix)
        return [row for row in rows if row is not None]

    def _row(self, file: FoundFile, said: dict[str, str], pattern: re.Pattern[str]) -> _Row | None:
        found = pattern.search(file.name)
        tag = said.get("language") or (found["language"] if found else "")
        content = _KINDS.get(said.get("kind", "").lower())
        known = language_of_tag(tag, content) if tag else None
        return known and _Row(
            file=file, language=known[0], content=known[1], licence=said.get("licence") or None
        )

    def _listed(self) -> dict[str, dict[str, str]]:
        """File name -> what the listing says of it. Raises PageError."""
        if self.listing is None:
            return {}
        _, path = file_system(self.listing, self.name)
        try:
            with opened(
                FoundFile(origin=self.listing, path=path, name=self.listing, size=-1, stamp="")
            ) as stream:
                table = csv.DictReader(io.StringIO(stream.read().decode("utf-8-sig"), newline=""))
                rows = list(table)
        except (Broken, UnicodeDecodeError, csv.Error) as error:
            raise page_error(
                self.listing, self.name, f"cannot be read: {error}", "write CSV with a column `file`"
            ) from None
        present = table.fieldnames or ()
        columns = {
            key: next((name for name in names if name in present), None) for key, names in _COLUMNS.items()
        }
        if columns["file"] is None:
            told = f"has no column `file` (columns: {', '.join(present) or 'none'})"
            raise page_error(
                self.listing,
                self.name,
                told,
                "name the columns file, kind, language, licence in the first line",
            )
        return {
            str(row[columns["file"]]): {
                key: str(row[name] or "") for key, name in columns.items() if name is not None
            }
            for row in rows
        }


def _compiled(pattern: str) -> re.Pattern[str]:
    """`{language}_*.jsonl` as an expression for the end of a path."""
    parts = re.split(r"(\{\w+\}|\*)", pattern)
    text = "".join(
        _FIELDS[part[1:-1]] if part.startswith("{") else "[^/]*" if part == "*" else re.escape(part)
        for part in parts
    )
    return re.compile(rf"(?:^|/){text}$")


def _stem(name: str) -> str:
    """`fr/wiki.jsonl.zst` -> `fr.wiki`."""
    return re.sub(r"\.(jsonl|parquet|txt)(\.gz|\.zst)?$", "", name).replace("/", ".")
