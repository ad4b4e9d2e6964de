"""The README shows the tree as it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the list of files comes from git")
def test_the_tree_of_the_readme_is_true() -> None:
    made = subprocess.run([sys.executable, "docs/tree.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert made in (ROOT / "README.md").read_text("utf-8"), "run: python docs/tree.py --write"
