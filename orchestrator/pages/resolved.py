"""A validated page written back in full, each value with where it came from.

What was said stays short; what is in force must still be plain to see. The result is itself a page.
"""

from __future__ import annotations

import json
from typing import Any

from orchestrator.pages.section import Section
from orchestrator.pages.tree import Page, Path_

_COMMENT_COLUMN = 56


def render_resolved(section: Section, page: Page) -> str:
    """YAML text of every value in force; a comment tells the line, the override, or `default`."""
    lines: list[str] = []
    _render(section.model_dump(mode="json"), (), page, lines)
    return "\n".join(lines) + "\n"


def _render(value: dict[str, Any], path: Path_, page: Page, lines: list[str]) -> None:
    indent = "  " * len(path)
    for key, inner in value.items():
        here = (*path, key)
        if isinstance(inner, dict) and inner:
            lines.append(f"{indent}{key}:")
            _render(inner, here, page, lines)
        else:
            text = f"{indent}{key}: {_scalar(inner)}"
            lines.append(f"{text.ljust(_COMMENT_COLUMN)} # {_origin(here, page)}")


def _origin(path: Path_, page: Page) -> str:
    for length in range(len(path), 0, -1):
        place = page.values.get(path[:length])
        if place is not None:
            is_section = length < len(path) and path[:length] in page.values and _is_mapping(page, path[:length])
            return "default" if is_section else str(place)
    return "default"


def _is_mapping(page: Page, path: Path_) -> bool:
    value: Any = page.data
    for step in path:
        value = value[step]
    return isinstance(value, dict)


def _scalar(value: Any) -> str:
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)
