"""PyYAML's syntax errors in plain words, at the line where the user has to look.

`expected ',' or '}', but got ':'` on line 16 is true, and no help: the brace was opened on line 14.
"""

from __future__ import annotations

import yaml

from orchestrator.errors import Problem

_PLAIN: tuple[tuple[str, str, str], ...] = (
    ("cannot start any token", "", "put the value in quotes, or remove the character"),
    ("mapping values are not allowed", "a second `:` where a value has already begun",
     "check the indentation of this line and the one above; a text with `: ` in it needs quotes"),
    ("could not find expected ':'", "a line that is no `key: value`", "write a space after the colon, as in `key: value`"),
    ("expected ',' or '}'", "a `{` that is not closed, or a missing comma", "close it with `}`, or put a comma between the entries"),
    ("expected ',' or ']'", "a `[` that is not closed, or a missing comma", "close it with `]`, or put a comma between the entries"),
    ("expected <block end>", "a line that belongs to no section", "indent it like the other lines of its section"),
    ("expected '<document start>'", "more text after the end of the page's section", "a page is one section of `key: value` lines"),
    ("unexpected end of stream", "a quote that is not closed", "close the quote"),
    ("document separator", "a quote that is not closed", "close the quote"),
    ("found undefined alias", "a word that begins with `*`, which YAML reads as a reference", "put the value in quotes"),
)  # fmt: skip


_BEGUN_EARLIER = ("a `", "a quote", "a line that is no")
"""Findings whose cause stands where the reading of the broken part began, not where it failed."""


def syntax_problem(error: yaml.MarkedYAMLError, file: str, text: str) -> Problem:
    """PyYAML's finding in plain words, at the place where the user has to look."""
    said = str(error.problem or error.context)
    at, begun = error.problem_mark or error.context_mark, error.context_mark
    line, column = (at.line + 1, at.column + 1) if at else (1, 1)
    lines = text.splitlines()
    known = next(((words, fix) for part, words, fix in _PLAIN if part in said), ("", ""))
    message = f"is not YAML: {known[0] or said}"
    fix = known[1] or "check indentation, quotes and brackets on this line and the one above"
    if line <= len(lines) and "\t" in lines[line - 1]:
        message, fix = "is not YAML: a tab", "indent with spaces; YAML does not allow tabs"
    elif begun and known[0].startswith(_BEGUN_EARLIER):
        line, column = begun.line + 1, begun.column + 1
    return Problem(file=file, line=line, column=column, message=message, fix=fix)
