"""A package's docstring that lists its files lists those that are there, and all of them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PLANNING = ROOT / "orchestrator/planning"
PACKAGES = [PLANNING, *sorted(file.parent for file in PLANNING.glob("**/__init__.py") if file.parent != PLANNING)]


def listed(package: Path) -> set[str]:
    """`file.py` and `folder/` in the indented lines of a docstring."""
    words = ast.get_docstring(ast.parse((package / "__init__.py").read_text("utf-8")), clean=False) or ""
    return {name for line in words.splitlines() if line.startswith("    ") for name in re.findall(r"(?<!\S)\w+(?:\.py|/)(?![^\s,;])", line)}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package.relative_to(ROOT)))
def test_a_list_of_files_is_true(package: Path) -> None:
    files = {file.name for file in package.glob("*.py")} - {"__init__.py"}
    folders = {f"{file.parent.name}/" for file in package.glob("*/__init__.py")}
    names = listed(package)
    assert not names or names == files | folders


def test_the_lists_are_found() -> None:
    """Only the package of drawings has none, whose files all do the same."""
    assert [package.name for package in PACKAGES if not listed(package)] == ["plots"]
