"""`orchestrate data-report`: a mixture, a prepared folder, or what a run reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_pipeline.prepared import Prepared
from orchestrator.cli import main
from orchestrator.spec import load_run

PAGE = """
model: {{family: llama, layers: 2, hidden_size: 48, heads: 4, kv_heads: 2, ffn_size: 112, vocab_size: 320, max_positions: 64}}
data: {{mixture: {mixture}, sequence_length: 16}}
training:
  batch: {{sequences: 2}}
  steps: 12
  optimizer: {{name: adamw, lr: 3e-3}}
  schedule: {{name: cosine, warmup: 2 steps}}
  precision: fp32
"""


@pytest.fixture
def run(small: Prepared, small_page: Path, tmp_path: Path) -> Path:
    """A run's folder after one step of two samples."""
    folder = tmp_path / "runs" / "nano"
    (folder / "ledger").mkdir(parents=True)
    page = tmp_path / "run.yaml"
    page.write_text(PAGE.format(mixture=small_page))
    (folder / "resolved.yaml").write_text(load_run(page).resolved)
    (folder / "execution.json").write_text(json.dumps({"data": str(small.folder)}))
    rows = [[0, "notes", 0, [["train-00000", "d", 0, 17]]], [1, "letters", 0, [["train-00000", "e", 3, 20]]]]
    (folder / "ledger" / "steps.jsonl").write_text(json.dumps({"step": 1, "samples": rows}) + "\n")
    return folder


def test_a_prepared_folder(small: Prepared, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "r.html"
    assert main(["data-report", "--mixture", str(small.folder), "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines() == [f"written to {out}", f"written to {out.with_suffix('.croissant.json')}"]
    assert out.read_text("utf-8").startswith("<!doctype html>")


def test_a_mixture_by_its_page(small: Prepared, small_page: Path, tmp_path: Path) -> None:
    data = ["--data", str(small.folder.parent)]
    assert main(["data-report", "--mixture", str(small_page), *data, "--out", str(tmp_path / "r.html")]) == 0
    assert small.fingerprint in (tmp_path / "r.html").read_text("utf-8")


def test_what_a_run_took(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data-report", "--run", "nano", "--runs", str(run.parent)]) == 0
    page = (run / "data-report.html").read_text("utf-8")
    assert "what nano has taken, 32 tokens in 1 steps" in page
    assert "Forecast of 24 samples of 16 tokens" in page


def test_a_run_whose_data_is_not_all_there_is_told_so(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place, why in ((str(tmp_path), "is not all prepared"), ("s3://bucket/data", "lies elsewhere")):
        (run / "execution.json").write_text(json.dumps({"data": place}))
        assert main(["data-report", "--run", "nano", "--runs", str(run.parent)]) == 2
        assert why in capsys.readouterr().err


def test_a_run_of_other_data_is_refused(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.txt").write_text("some words\n\nother words\n\nmore of them")
    page = tmp_path / "other.yaml"
    source = '{name: t, kind: files, paths: t.txt, separator: "\\n\\n", weight: 1}'
    page.write_text(f"sources: [{source}]\ntokenizer: {{train: byte_bpe, vocab_size: 257}}\n")
    said = ["--mixture", str(page), "--data", str(tmp_path / "data")]
    assert main(["data-report", *said, "--run", "nano", "--runs", str(run.parent)]) == 2
    assert "fix: leave MIXTURE out" in capsys.readouterr().err
