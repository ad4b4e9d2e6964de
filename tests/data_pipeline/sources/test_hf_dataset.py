"""A set of the `datasets` package is read by shard or by row, and says plainly when it cannot be."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from data_pipeline.sources import Document, Rejected
from orchestrator.errors import DataError, PageError
from tests.data_pipeline.sources._reading import read, source, split, through_blocks


def test_the_missing_package_is_told_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        PageError, match=r"needs the package `datasets`.*\n    fix: pip install 'orchestrator\[hf\]'"
    ):
        source("hf_dataset", tmp_path, path="owner/name").blocks(1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    datasets.disable_progress_bars()
    (tmp_path / "set").mkdir()
    for shard in range(3):
        rows = [{"text": f"{shard} {row}", "key": f"k{shard}{row}", "meta": {"row": row}} for row in range(5)]
        (tmp_path / "set" / f"train-{shard}.jsonl").write_text(
            "".join(f"{json.dumps(row)}\n" for row in rows)
        )
    (tmp_path / "set" / "test-0.jsonl").write_text('{"text": "held out", "key": "t", "meta": {"row": 0}}\n')
    return tmp_path


TEXTS = [f"{shard} {row}" for shard in range(3) for row in range(5)]


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("size", [1, 40, 2**40])
def test_all_rows_once_in_their_order(folder: Path, streaming: bool, size: int) -> None:
    found = source("hf_dataset", folder, path="./set", streaming=streaming)
    documents, rejected = split(through_blocks(found, size))
    assert rejected == []
    assert [document.text for document in documents] == TEXTS
    assert documents == [record for record in found.documents() if isinstance(record, Document)]
    assert [document.id for document in documents][5:7] == (
        ["train/1:1", "train/1:2"] if streaming else ["train:6", "train:7"]
    )
    assert documents[1].meta == {"row": 1}


def test_rows_of_a_fetched_split_are_cut_to_size(folder: Path) -> None:
    streamed = source("hf_dataset", folder, path="./set").blocks(300)
    blocks = source("hf_dataset", folder, path="./set", streaming=False).blocks(60)
    assert 3 <= len(blocks) <= 8
    assert [len(block.parts) for block in streamed] == [1, 1, 1]
    assert streamed[0].size == (folder / "set" / "train-0.jsonl").stat().st_size
    assert streamed == source("hf_dataset", folder, path="./set").blocks(
        300
    )  # now that the package has it in its cache


def test_split_id_and_limit(folder: Path) -> None:
    documents, _ = read("hf_dataset", folder, path="./set", split="test", id_field="key")
    assert [(document.id, document.text) for document in documents] == [("t", "held out")]
    documents, _ = read("hf_dataset", folder, path="./set", limit=9)
    assert [document.text for document in documents] == ["0 0", "1 0", "2 0"]


def test_rows_without_a_text_are_told(folder: Path) -> None:
    documents, rejected = read("hf_dataset", folder, path="./set", split="test", text_field="body")
    assert documents == []
    assert rejected == [
        Rejected(where="test/0:1", reason="no text in field 'body' (found: fields text, key, meta)")
    ]


def test_a_damaged_shard_ends_alone(folder: Path) -> None:
    (folder / "set" / "train-1.jsonl").write_text('{"text": "cut')
    documents, rejected = read("hf_dataset", folder, path="./set")
    assert [document.text[0] for document in documents] == ["0"] * 5 + ["2"] * 5
    assert [told.where for told in rejected] == ["train[1]"]


def test_a_set_that_changed_between_listing_and_reading_is_refused(folder: Path) -> None:
    found = source("hf_dataset", folder, path="./set")
    blocks = found.blocks(1)
    before = found.signature()
    (folder / "set" / "train-3.jsonl").write_text('{"text": "more", "key": "k", "meta": {"row": 0}}\n')
    assert found.signature() != before
    with pytest.raises(DataError, match="has changed since its blocks were listed"):
        list(found.read(blocks[0]))


@pytest.mark.parametrize(("said", "message"), [
    ({"path": "./missing"}, "cannot be opened: "),
    ({"path": "./set", "split": "trian"}, "Bad split: trian"),
    ({"path": "./set", "config": "other"}, "cannot be opened: BuilderConfig 'other' not found"),
])  # fmt: skip
def test_mistakes_of_the_page(folder: Path, said: dict[str, Any], message: str) -> None:
    with pytest.raises(PageError, match=message):
        source("hf_dataset", folder, **said).blocks(1)
