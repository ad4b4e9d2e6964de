"""The README shows the tree and the first screen as they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.planning.golden.make_screens import with_first_run

ROOT = Path(__file__).parent.parent


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the list of files comes from git")
def test_the_tree_of_the_readme_is_true() -> None:
    made = subprocess.run([sys.executable, "docs/tree.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert made in (ROOT / "README.md").read_text("utf-8"), "run: python docs/tree.py --write"


def test_the_screen_of_the_first_run_is_true() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert with_first_run(readme) == readme, "look, then run: python -m tests.planning.golden.make_screens"
