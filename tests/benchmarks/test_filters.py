"""The benchmark of filters: its reference is the published definition, and it runs on any folder of text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.filters import roots_reference
from benchmarks.filters.__main__ import main
from tests.data_pipeline.measures import naive
from tests.data_pipeline.measures.texts import DOCUMENTS

SPACED = [(language, text) for language, text in DOCUMENTS if language in ("en", "fr", "de", "es", "id")]


@pytest.mark.parametrize(("language", "text"), SPACED)
def test_the_reference_measures_what_the_definition_says(language: str, text: str) -> None:
    """In languages whose words end in no letter that the published set strips; in Turkish it makes `karş` of `karşı`."""
    words = roots_reference.get_words(text, lower_case=True)
    assert words == naive.words(text)
    assert roots_reference.number_words(text) == len(words)
    assert roots_reference.character_repetition(text, 10) == pytest.approx(naive.character_repetition(text, 10))
    assert roots_reference.word_repetition(text, 5) == pytest.approx(naive.word_repetition(words, 5))
    assert roots_reference.special_share(text) == pytest.approx(naive.special_share(text))
    assert roots_reference.listed_share(text, set(words[::2]), " ") == naive.listed_share(words, set(words[::2]), " ")


def test_it_runs_without_a_peer_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [json.dumps({"text": text, "meta": {"lang_hint": language}}) for language, text in SPACED]
    rows.append(json.dumps({"text": "int main() { return 0; }\n" * 20, "meta": {"lang_hint": "cpp"}}))
    (tmp_path / "all.jsonl").write_text("\n".join(rows))
    monkeypatch.setattr("sys.argv", ["filters", "--corpus", str(tmp_path), "--runs", "1"])
    main()
    told = capsys.readouterr().out
    assert "ROOTS, all six measures" in told
    assert f"same decision on {len(rows)} of {len(rows)} documents" in told
    assert "datatrove: skipped, no PEER is named" in told
    assert "repeated n-grams" in told


def test_it_asks_for_a_folder(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["filters"])
    assert main() == 2
    assert "say CORPUS=folder" in capsys.readouterr().err
