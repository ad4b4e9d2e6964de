"""What differs between prepared data is named, source by source, with documents to look at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_pipeline.differences import differences
from data_pipeline.mixture import load_mixture
from data_pipeline.prepare import prepare
from data_pipeline.prepared import Prepared
from orchestrator.errors import CommandError
from tests.data_pipeline.conftest import PAGE, write_texts


def test_the_same_data_has_no_differences(small: Prepared) -> None:
    assert differences(str(small.folder), str(small.folder)) == []


def test_changed_texts_and_weights_are_named(small: Prepared, tmp_path: Path) -> None:
    page = write_texts(tmp_path / "texts")
    lines = (tmp_path / "texts/notes/0.jsonl").read_text().splitlines()
    changed = {**json.loads(lines[0]), "text": "another text of the same name"}
    (tmp_path / "texts/notes/0.jsonl").write_text("\n".join([json.dumps(changed), *lines[1:-1]]) + "\n")
    page.write_text(PAGE.replace("weight: 0.25", "weight: 0.5"))
    other = prepare(load_mixture(page), tmp_path / "cache")
    found = {each.what: each for each in differences(str(small.folder), str(other.folder))}
    weight = found["source letters: weight"]
    assert (weight.left, weight.right) == (0.25, 0.5)
    assert "source letters: texts that differ" not in found
    texts = found["source notes: texts that differ"]
    assert (texts.left, len(texts.examples)) == ("1 of 119", 1)
    only = found["source notes: documents only on the left"]
    assert (only.left, only.right, len(only.examples)) == (1, None, 1)
    assert str(only).startswith("source notes: documents only on the left: 1 -> none (")
    assert "source notes: training tokens" in found


def test_pages_are_compared_key_by_key(small_page: Path, tmp_path: Path) -> None:
    page = write_texts(tmp_path)
    page.write_text(PAGE.replace("vocab_size: 300", "vocab_size: 400"))
    found = {each.what: (each.left, each.right) for each in differences(str(small_page), str(page))}
    assert found.pop("tokenizer.vocab_size") == (300, 400)
    assert set(found) == {"sources.notes.paths", "sources.letters.paths"}


def test_a_page_and_prepared_data_are_not_compared(small: Prepared, small_page: Path) -> None:
    with pytest.raises(CommandError, match=r"is prepared data and .*small.yaml a mixture; compare two of a kind"):
        differences(str(small_page), str(small.folder))
