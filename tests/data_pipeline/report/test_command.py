"""`orchestrate data-report`: a mixture, a prepared folder, or what a run reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_pipeline.prepared import Prepared
from orchestrator.cli import main


@pytest.fixture
def run(small: Prepared, tmp_path: Path) -> Path:
    """A run's folder after one step of two samples."""
    folder = tmp_path / "runs" / "nano"
    (folder / "ledger").mkdir(parents=True)
    (folder / "resolved.yaml").touch()
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
    assert "what nano has taken, 32 tokens in 1 steps" in (run / "data-report.html").read_text("utf-8")


def test_a_run_of_other_data_is_refused(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.txt").write_text("some words\n\nother words\n\nmore of them")
    page = tmp_path / "other.yaml"
    source = '{name: t, kind: files, paths: t.txt, separator: "\\n\\n", weight: 1}'
    page.write_text(f"sources: [{source}]\ntokenizer: {{train: byte_bpe, vocab_size: 257}}\n")
    said = ["--mixture", str(page), "--data", str(tmp_path / "data")]
    assert main(["data-report", *said, "--run", "nano", "--runs", str(run.parent)]) == 2
    assert "fix: leave MIXTURE out" in capsys.readouterr().err
