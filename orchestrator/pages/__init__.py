"""Strict pages: YAML in, a frozen typed value out, and every mistake reported with its place.

Training systems lose days to pages that almost work: a misspelt key that is silently ignored, a
`1e-4` that arrives as text, a key given twice. Here nothing is ignored and nothing is guessed.

    tree.py      YAML text -> plain values that remember line and column
    syntax.py    PyYAML's syntax errors in plain words
    overrides.py `a.b=3` on the command line, applied to the tree before validation
    section.py   the base of everything that a page can say
    named.py     a section by its name: `wordpiece: {cased: true}`
    explain.py   pydantic's findings -> problems in the user's words, with the nearest fix
    resolved.py  a validated page written back, each value with where it came from
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from orchestrator.pages.explain import validate
from orchestrator.pages.named import said_by_name
from orchestrator.pages.overrides import Override, apply_overrides, parse_overrides
from orchestrator.pages.resolved import render_resolved
from orchestrator.pages.section import Bytes, Count, Duration, Length, Section
from orchestrator.pages.tree import Page, parse_page, read_page_tree

__all__ = [
    "Bytes", "Count", "Duration", "Length", "Override", "Page", "Section", "apply_overrides", "parse_overrides",
    "parse_page", "read_page", "read_page_tree", "render_resolved", "said_by_name", "validate",
]  # fmt: skip


S = TypeVar("S", bound=Section)


def read_page(path: str | Path, model: type[S]) -> S:
    """Reads the YAML file `path` as a `model`. Raises PageError with every problem in it."""
    return validate(read_page_tree(path), model)
