"""What every source says: of itself to the mixture, and of its documents to whoever asks if they changed."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from data_pipeline.mixture import load_mixture
from data_pipeline.sources import SOURCES
from tests.data_pipeline.sources._reading import source


def files(**said: Any) -> Any:
    return source("files", Path("/corpus"), paths="a.jsonl", **said)


def test_most_is_optional() -> None:
    found = files()
    assert (found.weight, found.licence, found.content, found.language, found.max_epochs) == (
        None,
        None,
        "text",
        None,
        None,
    )
    assert set(found.facts()) == {
        "version",
        "name",
        "kind",
        "paths",
        "text_field",
        "id_field",
        "meta_field",
        "separator",
    }


def test_how_often_a_source_is_trained_on_does_not_change_its_documents() -> None:
    """A changed weight must not clean and tokenize a corpus again."""
    plain = files(language="fr")
    weighted = files(language="fr", weight=0.3, max_epochs=2.5, licence="CC0-1.0")
    assert weighted.facts() != plain.facts()
    assert weighted.reading() == plain.reading()


def test_a_kind_that_reads_otherwise_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = files().reading()
    monkeypatch.setattr(SOURCES.get("files"), "version", 2)
    assert files().reading() != before


@pytest.mark.parametrize("said", [
    {"language": "fr"}, {"content": "code"}, {"limit": 10}, {"text_field": "body"}, {"longest": 10},
])  # fmt: skip
def test_what_is_read_and_how_it_is_cleaned_does(said: dict[str, Any]) -> None:
    assert files(**said).reading() != files().reading()


@pytest.mark.parametrize("language", ["common-lisp", "r", "c++", "objective-c", "python"])
def test_programming_languages_are_those_of_code(language: str) -> None:
    assert files(content="code", language=language).language == language
    with pytest.raises(
        ValidationError, match=r"people write in.*fix: write a code such as en.* or `content: code`"
    ):
        files(language=language)


@pytest.mark.parametrize("said", [
    {"language": "French"}, {"language": "pt-br"}, {"language": ""}, {"content": "video"}, {"weight": 0.0}, {"weight": "1"},
    {"max_epochs": 0.0}, {"max_epochs": -1.0}, {"licence": ""}, {"licenze": "MIT"}, {"limit": 0}, {"longest": 0}, {"paths": ()},
])  # fmt: skip
def test_what_cannot_be_meant_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        source("files", Path("/corpus"), **{"paths": "a.jsonl", **said})


def test_a_source_of_a_page_reaches_another_process(tmp_path: Path) -> None:
    """Its class, which knows all steps, is made anew in each process, and pickle finds no class that is made so."""
    (tmp_path / "notes.txt").write_text("some words")
    sources = "  - {name: a, kind: files, paths: notes.txt, steps: [dedup_document, {filter_small_docs_bytes: {bytes: 3}}]}\n"
    sources += "  - {name: b, kind: code_folder, paths: code}"
    (tmp_path / "mix.yaml").write_text(f"sources:\n{sources}\ntokenizer: {{train: byte_bpe, vocab_size: 300}}\n")
    for found in load_mixture(tmp_path / "mix.yaml").sources:
        received = pickle.loads(pickle.dumps(found))
        assert (received.facts(), received.steps) == (found.facts(), found.steps)
    (document,) = pickle.loads(pickle.dumps(load_mixture(tmp_path / "mix.yaml").sources[0])).documents()
    assert document.text == "some words"
