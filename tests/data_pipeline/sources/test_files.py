"""The user's files become documents; what cannot be used is named with file and line, never dropped."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import fsspec
import pyarrow
import pyarrow.parquet
import pytest
import zstandard

from data_pipeline.sources import Document, Rejected
from data_pipeline.sources.files import Files
from orchestrator.errors import PageError

LINES = b'{"text": "one"}\n{"text": "two", "meta": {"license": "MIT"}}\n'


def source(folder: Path, paths: str | tuple[str, ...], **more: Any) -> Files:
    said = {"name": "mine", "kind": "files", "weight": 1.0, "paths": paths, **more}
    return Files.model_validate(said).anchored(folder)


def read(folder: Path, paths: str | tuple[str, ...], **more: Any) -> tuple[list[Document], list[Rejected]]:
    records = list(source(folder, paths, **more).documents())
    rejected = [record for record in records if isinstance(record, Rejected)]
    return [record for record in records if isinstance(record, Document)], rejected


def texts(folder: Path, paths: str | tuple[str, ...], **more: Any) -> list[tuple[str, str]]:
    documents, rejected = read(folder, paths, **more)
    assert rejected == []
    return [(document.id, document.text) for document in documents]


@pytest.mark.parametrize(
    ("name", "compress"),
    [
        ("a.jsonl", bytes),
        ("a.jsonl.gz", gzip.compress),
        ("a.jsonl.zst", zstandard.compress),
        (
            "a.jsonl.gz",
            lambda data: gzip.compress(data[:20]) + gzip.compress(data[20:]),
        ),  # members, as pigz writes
        ("a.jsonl.zst", lambda data: zstandard.compress(data[:20]) + zstandard.compress(data[20:])),
    ],
)
def test_json_lines_plain_and_compressed(tmp_path: Path, name: str, compress: Any) -> None:
    (tmp_path / name).write_bytes(compress(LINES))
    assert texts(tmp_path, name) == [(f"{name}:1", "one"), (f"{name}:2", "two")]
    assert read(tmp_path, name)[0][1].meta == {"license": "MIT"}


def test_lines_longer_than_a_chunk_are_whole(tmp_path: Path) -> None:
    long = "word " * 500_000
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": long}) + "\n" + json.dumps({"text": "short"}))
    assert [text for _, text in texts(tmp_path, "a.jsonl")] == [long, "short"]


def test_parquet(tmp_path: Path) -> None:
    table = pyarrow.table({"body": ["one", "two", None], "key": [7, 8, 9], "other": [0, 0, 0]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    documents, rejected = read(tmp_path, "a.parquet", text_field="body", id_field="key")
    assert [(document.id, document.text) for document in documents] == [("7", "one"), ("8", "two")]
    assert rejected == [Rejected(where="a.parquet:3", reason="no text in field 'body' (found: NoneType)")]


def test_a_file_that_lacks_the_column_is_told_with_those_it_has(tmp_path: Path) -> None:
    """One of thousands with another schema must not stop the job; if it is all of them, there is no document."""
    pyarrow.parquet.write_table(pyarrow.table({"texts": ["one"]}), tmp_path / "a.parquet")
    pyarrow.parquet.write_table(pyarrow.table({"text": ["two"]}), tmp_path / "b.parquet")
    documents, rejected = read(tmp_path, "*.parquet")
    assert [document.text for document in documents] == ["two"]
    reason = "unknown column 'text'; did you mean 'texts'? (there are: texts); set `text_field`"
    assert rejected == [Rejected(where="a.parquet", reason=reason)]


def test_plain_text_is_one_document_or_several_between_separators(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("first\nstill first\n\nsecond\n\n\n\nthird")
    assert texts(tmp_path, "a.txt") == [("a.txt", "first\nstill first\n\nsecond\n\n\n\nthird")]
    cut = texts(tmp_path, "a.txt", separator="\n\n")
    assert cut == [("a.txt:1", "first\nstill first"), ("a.txt:4", "second"), ("a.txt:8", "third")]


def test_globs_and_lists_are_read_in_one_order_with_ids_that_name_no_folder_of_this_machine(
    tmp_path: Path,
) -> None:
    for name in ("en/b.txt", "en/a.txt", "fr/a.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    expected = [(name, name) for name in ("en/a.txt", "en/b.txt", "fr/a.txt")]
    assert texts(tmp_path, "**/*.txt") == expected
    assert texts(tmp_path, ("fr/*.txt", "en/b.txt", "en/*.txt")) == expected
    assert texts(tmp_path, "en/a.txt") == [("a.txt", "en/a.txt")]


def test_any_fsspec_url(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/shelf/a.jsonl", LINES)
    try:
        assert [text for _, text in texts(tmp_path, "memory://shelf/*.jsonl")] == ["one", "two"]
        before = source(tmp_path, "memory://shelf/*.jsonl").signature()
        memory.pipe("/shelf/a.jsonl", LINES + LINES)
        assert source(tmp_path, "memory://shelf/*.jsonl").signature() != before
    finally:
        memory.rm("/shelf", recursive=True)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "cut', "not JSON: Unterminated string starting at at column 10"),
        (b'{"text": "\xff"}', "byte 0xff at 11 is not UTF-8"),
        (b'["text"]', "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b'{"content": "x", "url": "y"}', "no text in field 'text' (found: fields content, url)"),
        (b'{"text": 3}', "no text in field 'text' (found: int)"),
        (b'{"text": " \\n"}', "empty text"),
        (b'{"text": "\\ud800"}', "half of a surrogate pair in the text"),
        (b"[" * 100_000, "JSON nested too deeply"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_is_read(tmp_path: Path, line: bytes, reason: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "good"}\n\n' + line + b'\n{"text": "also good"}\n')
    documents, rejected = read(tmp_path, "a.jsonl")
    assert [document.text for document in documents] == ["good", "also good"]
    assert rejected == [Rejected(where="a.jsonl:3", reason=reason)]


def test_a_record_without_the_id_asked_for_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "x", "id": "book/1"}\n{"text": "y"}\n')
    documents, rejected = read(tmp_path, "a.jsonl", id_field="id")
    assert [document.id for document in documents] == ["book/1"]
    assert rejected == [Rejected(where="a.jsonl:2", reason="no id in field 'id'")]


def test_text_that_is_not_utf_8_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("caf\u00e9".encode("latin-1"))
    assert read(tmp_path, "a.txt") == ([], [Rejected(where="a.txt", reason="byte 0xe9 at 4 is not UTF-8")])


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ("missing/*.jsonl", "missing/\\*.jsonl.*matches no file"),
        ("missing.txt", "missing.txt.*there is no such file"),
        ("folder", "is a folder\n    fix: name its files: .*/folder/\\*.jsonl"),
        ("a.csv", "a.csv is of no known format"),
        ("nowhere://bucket/*.txt", "nowhere://bucket/\\*.txt.*cannot be opened: .*nowhere"),
    ],
)
def test_files_that_are_not_there_are_a_mistake_of_the_page(tmp_path: Path, paths: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.csv").write_text("x")
    with pytest.raises(PageError, match=message):
        source(tmp_path, paths).signature()


def test_the_signature_follows_size_and_time(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    before = source(tmp_path, "*.txt").signature()
    assert source(tmp_path, "*.txt").signature() == before
    (tmp_path / "b.txt").write_text("two")
    assert source(tmp_path, "*.txt").signature() != before
