"""The benchmark of tokenizing runs on any folder of text and compares ids."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.tokenize import main
from tests.data_pipeline.tokenize.test_recipes import TEXTS


def test_it_compares_with_all_direct_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "all.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in TEXTS))
    recipe = "{byte_bpe: {split: bloom}}"
    arguments = ["--corpus", str(tmp_path), "--vocab-size", "400", "--sample", "20", "--documents", "80", "--recipe", recipe]
    monkeypatch.setattr("sys.argv", ["tokenize", *arguments])
    main()
    told = capsys.readouterr().out
    assert f"{recipe}: 400 tokens learnt from 20 documents; 80 encoded" in told
    assert told.count("documents with other ids: 0") == 2
    assert told.count("of the best direct call") == 8
