"""One entry of a page stands for a source of each language of a folder, by the names of its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fsspec
import pytest
import zstandard
from pydantic import ValidationError

from data_pipeline.sources import Document
from data_pipeline.sources._languages import language_of_tag
from data_pipeline.steps import STEPS
from orchestrator.errors import PageError
from tests.data_pipeline.sources._reading import read, source

FILES = {
    "fr_wiki": 4, "fr_books": 2, "pt-br_wiki": 1, "zh-tw_news": 3, "zh_news": 1, "zh-cn_news": 1, "sr-latn_wiki": 1,
    "cpp_boost": 2, "commonlisp_sbcl": 1, "c_zlib": 1, "elisp_emacs-el": 1,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, count in FILES.items():
        lines = [
            json.dumps({"text": f"{name} {number}", "id": f"{name}/{number}"}) for number in range(count)
        ]
        (tmp_path / f"{name}.jsonl.zst").write_bytes(zstandard.compress("\n".join(lines).encode()))
    return tmp_path


def members(folder: Path, **said: Any) -> dict[str, Any]:
    found = source("collection", folder, **{"paths": "*.jsonl.zst", **said})
    return {member.name: member for member in found.expanded()}


def test_a_source_for_each_language(folder: Path) -> None:
    found = members(folder, pattern="{language}_{collection}.jsonl.zst")
    assert {name: (member.language, member.content, len(member.paths)) for name, member in found.items()} == {
        "mine.c": ("c", "code", 1), "mine.common-lisp": ("common-lisp", "code", 1), "mine.cpp": ("cpp", "code", 1),
        "mine.emacs-lisp": ("emacs-lisp", "code", 1), "mine.fr": ("fr", "text", 2), "mine.pt": ("pt", "text", 1),
        "mine.sr": ("sr", "text", 1), "mine.zh": ("zh", "text", 1), "mine.zhs": ("zhs", "text", 1), "mine.zht": ("zht", "text", 1),
    }  # fmt: skip
    assert list(found) == sorted(found)
    documents = [record for record in found["mine.fr"].documents() if isinstance(record, Document)]
    assert [document.text for document in documents] == [
        "fr_books 0",
        "fr_books 1",
        *(f"fr_wiki {number}" for number in range(4)),
    ]
    assert {document.source for document in documents} == {"mine.fr"}
    assert documents[0].id == "fr_books.jsonl.zst:1"


def test_a_source_for_each_file(folder: Path) -> None:
    found = members(folder, by="file")
    assert len(found) == len(FILES)
    assert (found["mine.elisp_emacs-el"].language, found["mine.pt-br_wiki"].language) == ("emacs-lisp", "pt")


def test_what_the_collection_says_holds_for_its_sources(folder: Path) -> None:
    step = STEPS.get("dedup_document").model_validate({"step": "dedup_document"})
    said = {
        "id_field": "id",
        "max_epochs": 3.0,
        "licence": "CC0-1.0",
        "longest": 1000,
        "weight": 2.0,
        "limit": 100_000,
    }
    found = (
        source("collection", folder, paths="*.jsonl.zst", **said)
        .model_copy(update={"steps": (step,)})
        .expanded()
    )
    assert all(
        (member.id_field, member.max_epochs, member.licence, member.longest) == ("id", 3.0, "CC0-1.0", 1000)
        for member in found
    )
    assert all(member.steps == (step,) for member in found)
    assert sum(member.weight for member in found) == pytest.approx(2.0)
    assert 99_980 <= sum(member.limit for member in found) <= 100_000
    sizes = {path.name.partition("_")[0]: path.stat().st_size for path in folder.iterdir()}
    assert next(member.weight for member in found if member.language == "cpp") == pytest.approx(
        2.0 * sizes["cpp"] / sum(path.stat().st_size for path in folder.iterdir())
    )


@pytest.mark.parametrize("header", ["file,kind,language,licence", "file,kind,lang,license"])
def test_a_listing_says_more_than_the_names(folder: Path, header: str) -> None:
    rows = [
        header, "fr_wiki.jsonl.zst,natural,fr,CC-BY-SA-4.0", "fr_books.jsonl.zst,natural,fr,CC0-1.0", "c_zlib.jsonl.zst,code,c,Zlib",
        "cpp_boost.jsonl.zst,text,en,BSL-1.0", "other.jsonl.zst,natural,de,MIT",
    ]  # fmt: skip
    (folder / "listing.csv").write_text("\n".join(rows))
    found = members(folder, listing="listing.csv")
    assert (found["mine.c"].licence, found["mine.fr"].licence, found["mine.en"].content) == (
        "Zlib",
        None,
        "text",
    )
    assert "mine.cpp" not in found
    by_file = members(folder, listing="listing.csv", by="file")
    assert by_file["mine.fr_wiki"].licence == "CC-BY-SA-4.0"


def test_the_same_entry_reads_another_folder(tmp_path: Path) -> None:
    for name in ("xx_unknown", "tok_pona", "rust_core"):
        (tmp_path / f"{name}.jsonl").write_text('{"text": "words"}\n')
    found = members(tmp_path, paths="*.jsonl")
    assert [(name, member.content) for name, member in found.items()] == [
        ("mine.rust", "code"), ("mine.tok", "text"), ("mine.xx", "text"),
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "pattern", "language"), [
    ("lm_fr_wiki.jsonl", "lm_{language}_{collection}.jsonl", "mine.fr"),
    ("fr/part-0.jsonl", "{language}/*", "mine.fr"),
    ("2020/oscar.zh-TW.jsonl", "oscar.{language}.jsonl", "mine.zht"),
    ("data-c++.jsonl", "data-{language}.jsonl", "mine.cpp"),
])  # fmt: skip
def test_patterns(tmp_path: Path, name: str, pattern: str, language: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"text": "words"}\n')
    (tmp_path / "z").mkdir()
    other = tmp_path / "z" / name
    other.parent.mkdir(exist_ok=True)
    other.write_text('{"text": "words"}\n')
    assert list(members(tmp_path, paths="**/*.jsonl", pattern=pattern)) == [language]


@pytest.mark.parametrize(
    "pattern", ["*.jsonl", "{language}{language}", "{language}_{corpus}", "{collection}"]
)
def test_a_pattern_that_names_no_language_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match=r"must name \{language\} once"):
        source("collection", Path("/"), paths="*", pattern=pattern)


@pytest.mark.parametrize(("more", "message"), [
    ({}, r"2 files name no language by '\{language\}_\*', such as notes.jsonl, verylong_x.jsonl"),
    ({"listing": "none.csv"}, r"none.csv.*cannot be read: is no longer there"),
    ({"listing": "bad.csv"}, r"bad.csv.*has no column `file` \(columns: name, language\)"),
])  # fmt: skip
def test_mistakes_of_the_page(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    for name in ("notes", "verylong_x", "fr_x"):
        (tmp_path / f"{name}.jsonl").write_text('{"text": "words"}\n')
    (tmp_path / "bad.csv").write_text("name,language\nnotes.jsonl,fr\n")
    with pytest.raises(PageError, match=message):
        members(tmp_path, paths="*.jsonl", **more)


def test_a_name_that_no_source_can_have(tmp_path: Path) -> None:
    (tmp_path / "fr_a b.jsonl").write_text('{"text": "words"}\n')
    with pytest.raises(PageError, match=r"the source 'mine.fr_a b' would have no valid name"):
        members(tmp_path, paths="*.jsonl", by="file")


def test_behind_an_address(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe({"/shelf/fr_a.jsonl": b'{"text": "un"}\n', "/shelf/fr_b[1].jsonl": b'{"text": "deux"}\n'})
    try:
        (french,) = members(tmp_path, paths="memory://shelf/*.jsonl").values()
        assert [record.text for record in french.documents()] == ["un", "deux"]
    finally:
        memory.rm("/shelf", recursive=True)


def test_unexpanded_it_is_one_source_of_all_files(folder: Path) -> None:
    documents, rejected = read("collection", folder, paths="*.jsonl.zst")
    assert (len(documents), rejected) == (sum(FILES.values()), [])
    assert {document.source for document in documents} == {"mine"}


@pytest.mark.parametrize(("tag", "expected"), [
    ("fr", ("fr", "text")), ("pt-BR", ("pt", "text")), ("zh_Hant", ("zht", "text")), ("zh-hans-sg", ("zhs", "text")), ("zh", ("zh", "text")),
    ("sr-latn", ("sr", "text")), ("nso", ("nso", "text")), ("fra", ("fr", "text")), ("C++", ("cpp", "code")), ("r", ("r", "code")),
    ("lua", ("lua", "code")), ("english", None), ("x", None), ("", None),
])  # fmt: skip
def test_tags(tag: str, expected: tuple[str, str] | None) -> None:
    assert language_of_tag(tag) == expected


def test_a_listing_decides_what_a_tag_of_two_meanings_is() -> None:
    assert language_of_tag("lua", "text") == ("lua", "text")
    assert language_of_tag("fr", "code") is None
