"""Steps inside a preparation: nothing changes without them, everything is counted with them, and once."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from data_pipeline.mixture import load_mixture
from data_pipeline.prepare import prepare, request_key, status
from data_pipeline.prepared import Prepared
from data_pipeline.progress import told
from data_pipeline.shards import Shard
from data_pipeline.sources import Block
from data_pipeline.sources.files import Files
from data_pipeline.steps.filter_small_docs_bytes import FilterSmallDocsBytes
from data_pipeline.tokenize.encoder import load_encoder
from orchestrator.errors import DataError
from tests.data_pipeline.conftest import listed_of, write_texts


def page_with(folder: Path, steps: str = "", own: str = "", **counts: int) -> Path:
    """The small page with steps of its own and of the source `notes`."""
    page = write_texts(folder, **counts)
    text = page.read_text()
    text = text.replace("weight: 0.75}", f"weight: 0.75, {own}}}") if own else text
    page.write_text(text + (f"steps: {steps}\n" if steps else ""))
    return page


def texts_of(prepared: Prepared, source: str) -> dict[str, str]:
    encoder = load_encoder(prepared.tokenizer_path)
    found = {}
    for split in ("train", "validation"):
        for prefix in prepared.shards(source, split):  # type: ignore[arg-type]
            shard = Shard(prefix)
            for number, name in enumerate(listed_of(prepared, prefix).column("id")):
                found[name] = encoder.decode(shard[number][:-1].tolist())
    return found


def test_steps_that_do_nothing_change_no_byte(small: Prepared, tmp_path: Path) -> None:
    page = page_with(tmp_path, "[filter_remove_empty_docs, {dedup_template_soft: {least: 10000}}]")
    prepared = prepare(load_mixture(page), tmp_path / "cache")
    assert prepared.fingerprint == small.fingerprint
    assert sorted(path.name for path in prepared.folder.iterdir()) == sorted(path.name for path in small.folder.iterdir())


def test_what_was_dropped_is_not_in_the_shards_and_is_in_the_report(tmp_path: Path) -> None:
    page = page_with(tmp_path, "[{filter_small_docs_bytes: {bytes: 100}}]", "steps: [replace_newline_with_space, dedup_document]")
    with (tmp_path / "notes" / "1.jsonl").open("a") as file:
        file.write('{"text": "' + "two\\nlines " * 20 + '"}\nnot json\n{"text": "' + "two lines " * 20 + '"}\n')
    said: list[str] = []
    prepared = prepare(load_mixture(page), tmp_path / "cache", told(said.append))
    report = json.loads((prepared.folder / "report.json").read_text())["sources"]
    notes, letters = report["notes"]["steps"], report["letters"]["steps"]
    assert [step["step"] for step in notes] == ["replace_newline_with_space", "dedup_document", "filter_small_docs_bytes"]
    assert [step["step"] for step in letters] == ["filter_small_docs_bytes"]
    assert (notes[0]["read"], notes[0]["changed"], notes[1]["dropped"]) == (122, 1, {"copy": 1})
    for tallies in (notes, letters):
        for before, after in pairwise(tallies):
            assert (after["read"], after["characters_read"]) == (before["kept"], before["characters_kept"])
        for tally in tallies:
            assert tally["read"] == tally["kept"] + sum(tally["dropped"].values())
    assert report["notes"]["rejected"]["records"] == 1
    assert report["notes"]["read"]["documents"] == notes[0]["read"]
    assert report["notes"]["kept"]["documents"] == notes[-1]["kept"]
    example = notes[1]["examples"]["copy"][0]
    assert (example["id"], example["text"][:9]) == ("1.jsonl:63", "two lines")
    assert notes[0]["examples"]["changed"][0]["before"].startswith("two\nlines")
    small = notes[2]["examples"]["too small"]
    assert len(small) == 5 < notes[2]["dropped"]["too small"]
    found = texts_of(prepared, "notes")
    assert len(found) == notes[-1]["kept"]
    assert all(len(text) >= 100 for text in found.values())
    assert "two lines " * 20 in found.values()
    assert any("notes: filter_small_docs_bytes: kept" in line and "too small" in line for line in said)
    assert status(load_mixture(page), tmp_path / "cache")["report"]["sources"]["notes"]["steps"] == notes


def test_the_tokenizer_is_trained_on_what_is_left(tmp_path: Path) -> None:
    page = page_with(tmp_path, "[remove_lines_with_code]")
    with (tmp_path / "notes" / "0.jsonl").open("a") as file:
        file.write(json.dumps({"text": "zqzqzq {zqzqzq}\n" * 500 + "the end"}) + "\n")
    prepared = prepare(load_mixture(page), tmp_path / "cache")
    vocabulary = json.loads(prepared.tokenizer_path.read_text())["model"]["vocab"]
    assert not any("zq" in token for token in vocabulary)


def test_documents_are_read_and_cleaned_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = {"read": 0, "cleaned": 0}
    read, apply = Files.read, FilterSmallDocsBytes.apply

    def counted_read(self: Files, block: Block) -> Any:
        calls["read"] += 1
        return read(self, block)

    def counted_apply(self: FilterSmallDocsBytes, document: Any) -> Any:
        calls["cleaned"] += 1
        return apply(self, document)

    monkeypatch.setattr(Files, "read", counted_read)
    monkeypatch.setattr(FilterSmallDocsBytes, "apply", counted_apply)
    prepare(load_mixture(page_with(tmp_path, "[{filter_small_docs_bytes: {bytes: 10}}]")), tmp_path / "cache")
    assert calls == {"read": 2, "cleaned": 180}


def test_with_a_tokenizer_of_ones_own_the_result_is_the_same(tmp_path: Path) -> None:
    page = page_with(tmp_path, "[{filter_small_docs_bytes: {bytes: 100}}]")
    first = prepare(load_mixture(page), tmp_path / "cache")
    (tmp_path / "tokenizer.json").write_text(first.tokenizer_path.read_text())
    page.write_text(page.read_text().replace("{train: byte_bpe, vocab_size: 300}", "{file: tokenizer.json}"))
    assert prepare(load_mixture(page), tmp_path / "cache").fingerprint == first.fingerprint


def test_data_is_made_again_when_a_step_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_with(tmp_path, "[{filter_small_docs_bytes: {bytes: 100}}]", "steps: [dedup_document]")
    key = request_key(load_mixture(page))
    text = page.read_text()
    for old, new in (("bytes: 100", "bytes: 101"), ("dedup_document", "dedup_template_soft"), ("steps: [dedup_document]", "steps: []")):
        page.write_text(text.replace(old, new))
        assert request_key(load_mixture(page)) != key
    page.write_text(text)
    assert request_key(load_mixture(page)) == key
    monkeypatch.setattr(FilterSmallDocsBytes, "version", 2)
    assert request_key(load_mixture(page)) != key


def test_a_source_of_which_nothing_is_left_says_which_step_took_it(tmp_path: Path) -> None:
    page = page_with(tmp_path, "[{filter_small_docs_bytes: {bytes: 1MB}}]")
    with pytest.raises(DataError, match=r"'notes' gives no document .*dropped: 120 by filter_small_docs_bytes \(too small\)"):
        prepare(load_mixture(page), tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*/prepared.json"))
