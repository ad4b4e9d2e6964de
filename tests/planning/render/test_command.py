"""`orchestrate plan`: formats, files, and how fast it answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli import main

ROOT = Path(__file__).resolve().parents[3]
BLOOM = ["plan", "--spec", str(ROOT / "model_specs/bloom/176b.yaml"), "--cluster", str(ROOT / "cluster/bloom-48xa100-80.yaml")]


@pytest.mark.parametrize("columns", [80, 120])
def test_the_screen_is_as_wide_as_the_terminal(columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(BLOOM) == 0
    assert columns - 12 <= max(map(len, capsys.readouterr().out.splitlines())) <= columns


def test_into_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for form, start in (("html", "<!doctype html>"), ("json", "{"), ("text", "")):
        out = tmp_path / f"plan.{form}"
        assert main([*BLOOM, "--format", form, "--out", str(out)]) == 0
        assert out.read_text("utf-8").startswith(start)
    assert json.loads((tmp_path / "plan.json").read_text("utf-8"))["world_size"] == 384
    assert "\x1b" not in (tmp_path / "plan.text").read_text("utf-8")
    assert "written to" in capsys.readouterr().out


def test_it_imports_nothing_heavy() -> None:
    code = (
        "import sys; from orchestrator.cli import main; main(sys.argv[1:]);"
        "print([name for name in ('torch', 'ray', 'numpy', 'scipy') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *BLOOM], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.stderr.strip() == "[]"
