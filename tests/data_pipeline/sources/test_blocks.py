"""Blocks together are the source: nothing twice, nothing missing, in its order, whatever their size."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.sources import Document
from data_pipeline.sources import _records as records
from data_pipeline.sources._blocks import Part
from data_pipeline.sources._bytes import pieces
from data_pipeline.sources._found import FoundFile
from tests.data_pipeline.sources._reading import source, through_blocks


def lines(texts: list[str]) -> bytes:
    return b"".join(json.dumps({"text": text}).encode() + b"\n" for text in texts)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.jsonl").write_bytes(lines([f"a {number}" for number in range(300)]))
    (tmp_path / "b.jsonl.zst").write_bytes(
        zstandard.compress(lines([f"b {number}" for number in range(300)]))
    )
    table = pyarrow.table({"text": [f"c {number}" for number in range(300)], "other": list(range(300))})
    pyarrow.parquet.write_table(table, tmp_path / "c.parquet", row_group_size=40)
    (tmp_path / "d.txt").write_text("---".join(f"d {number}" for number in range(300)))
    for number in range(20):
        (tmp_path / f"e{number:02}.txt").write_text(f"e {number}")
    return tmp_path


@pytest.mark.parametrize("size", [1, 100, 1000, 5000, 2**30])
def test_blocks_of_any_size_hold_the_same_documents(folder: Path, size: int) -> None:
    whole = list(source("files", folder, paths="*", separator="---").documents())
    assert len(whole) == 4 * 300 + 20
    assert through_blocks(source("files", folder, paths="*", separator="---"), size) == whole


def test_blocks_are_about_as_large_as_asked(folder: Path) -> None:
    small = source("files", folder, paths="e*.txt").blocks(20)
    assert [len(block.parts) for block in small] == [6, 6, 5, 3]
    assert all(block.size <= 20 for block in small)
    (one,) = source("files", folder, paths="e*.txt").blocks(2**30)
    assert (one.name, one.size) == ("e00.txt ... e19.txt", sum(len(f"e {number}") for number in range(20)))


def test_a_large_file_of_lines_is_cut_and_its_ids_do_not_tell_where(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "LARGE", 500)
    found = source("files", folder, paths="a.jsonl")
    whole = list(found.documents())
    assert whole[1].id == f"a.jsonl@{len(lines(['a 0']))}"
    for size in (125, 333, 1000, 2**30):
        assert through_blocks(found, size) == whole
    assert len(found.blocks(125)) == 43
    assert found.blocks(125)[1].name == "a.jsonl[125:250]"


@settings(max_examples=200, deadline=None)
@given(
    texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=30), min_size=1, max_size=30),
    data=st.data(),
)
def test_every_line_is_in_one_range(tmp_path_factory: Any, texts: list[str], data: st.DataObject) -> None:
    raw = b"\n".join(json.dumps({"text": text}, ensure_ascii=False).encode() for text in texts)
    raw += b"\n" * data.draw(st.integers(0, 2))
    path = tmp_path_factory.mktemp("cut") / "a.jsonl"
    path.write_bytes(raw)
    file = FoundFile(origin=str(path), path=str(path), name="a", size=len(raw), stamp="")
    cuts = sorted(data.draw(st.sets(st.integers(1, len(raw)), max_size=5)))
    found = [
        record["text"]  # type: ignore[index]
        for start, stop in zip([0, *cuts], [*cuts, len(raw) + 1], strict=True)
        for _, record in records.json_lines(Part(file=file, size=1, start=start, stop=stop), 2**20)
    ]
    assert found == texts


@settings(max_examples=300, deadline=None)
@given(
    raw=st.lists(st.sampled_from([b"a", b"b", b"ab", b"aab", b"\n"]), max_size=40).map(b"".join),
    separator=st.sampled_from([b"\n", b"ab", b"aa", b"aab", b"\n\n"]),
    cut=st.integers(1, 7),
    longest=st.integers(0, 12),
)
def test_pieces_are_those_of_split_however_the_bytes_arrive(
    raw: bytes, separator: bytes, cut: int, longest: int
) -> None:
    found = list(pieces((raw[at : at + cut] for at in range(0, len(raw), cut)), separator, longest))
    expected = raw.split(separator)
    expected = expected if expected[-1] else expected[:-1]
    assert [piece.size for piece in found] == [len(part) for part in expected]
    assert [piece.data for piece in found] == [part if len(part) <= longest else None for part in expected]
    for piece in found:
        assert raw[piece.start : piece.start + piece.size] == expected[found.index(piece)]
        if separator != b"\n":
            assert piece.line == 1 + raw[: piece.start].count(b"\n")


def test_a_block_changes_with_its_own_files_only(folder: Path) -> None:
    def signatures() -> list[str]:
        return [block.signature for block in source("files", folder, paths="*").blocks(3000)]

    before = signatures()
    assert signatures() == before
    assert len(before) > 3
    (folder / "a.jsonl").write_bytes(lines([f"A {number}" for number in range(300)]) + b" ")
    after = signatures()
    assert after[0] != before[0]
    assert after[1:] == before[1:]


def test_no_file_is_opened_to_list_blocks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: FoundFile) -> Any:
        raise AssertionError(f"{file.name} was opened")

    monkeypatch.setattr(FoundFile, "open", refuse)
    found = source("files", folder, paths=("a.jsonl", "b.jsonl.zst", "e*.txt"))
    assert len(pickle.dumps(found.blocks(1000))) < 20_000


@pytest.mark.parametrize("size", [500, 2**30])
def test_a_limit_is_shared_by_the_files(folder: Path, size: int) -> None:
    found = source("files", folder, paths=("a.jsonl", "e*.txt"), limit=1000)
    documents = [record for record in through_blocks(found, size) if isinstance(record, Document)]
    assert 0.8 * 1000 <= sum(len(document.text) for document in documents) <= 1000
    small = source("files", folder, paths="e*.txt", limit=30)
    taken = [record.id for record in through_blocks(small, 2**30) if isinstance(record, Document)]
    assert 5 <= len(taken) <= 8
    assert max(taken) > "e15.txt" > "e04.txt" > min(taken)


def test_a_limit_above_the_size_changes_nothing(folder: Path) -> None:
    unlimited, limited = (source("files", folder, paths="a.jsonl", **said) for said in ({}, {"limit": "1GB"}))
    assert list(unlimited.documents()) == list(limited.documents())
    assert unlimited.blocks(2**30) == limited.blocks(2**30)
