"""The `calibration` section of a cluster page: written in place, every other character of the page as it was.

A page is a person's: its comments and order say what no number says. So nothing is loaded and dumped; the lines of one
section are exchanged, the result is read again before it replaces the file, and a page that dies half-written cannot be.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.errors import CommandError, PageError
from orchestrator.pages import validate
from orchestrator.pages.tree import parse_page
from orchestrator.spec.cluster import ClusterSpec

KEY = "calibration"


def write_calibration(page: Path, said: Mapping[str, Any], out: Path | None = None) -> None:
    """Puts `said` in place of the page's calibration, or at its end; `out`: the changed page goes there instead."""
    before = _read(page)
    after = with_calibration(before, said)
    _require_same(before, after, str(page), said)
    _replace(out or page, after)


def with_calibration(text: str, said: Mapping[str, Any]) -> str:
    """The page's text with the section `said`."""
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    written = [line + newline for line in section(said)]
    first = next((index for index, line in enumerate(lines) if re.match(rf"{KEY}\s*:", line)), None)
    if first is None:
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += newline
        return "".join(lines + written)
    last = first + 1
    for index in range(first + 1, len(lines)):
        if lines[index].strip() and not lines[index][0].isspace() and not lines[index].startswith("}"):
            break
        if lines[index].strip():
            last = index + 1
    return "".join(lines[:first] + written + lines[last:])


def section(said: Mapping[str, Any]) -> list[str]:
    """The lines of the section, sections inside it on one line each."""
    lines = [f"{KEY}:"]
    for name, value in said.items():
        if isinstance(value, Mapping) and any(isinstance(each, Mapping) for each in value.values()):
            lines.append(f"  {name}:")
            lines += [f"    {inner}: {_value(each)}" for inner, each in value.items()]
        else:
            lines.append(f"  {name}: {_value(value)}")
    return lines


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_value(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", value):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value) if isinstance(value, float) else str(value)


def _require_same(before: str, after: str, file: str, said: Mapping[str, Any]) -> None:
    """Raises CommandError where the changed text would not read as the same page with this calibration."""
    old = parse_page(before.removeprefix("\ufeff"), file)
    try:
        new = parse_page(after.removeprefix("\ufeff"), file)
        validate(new, ClusterSpec)
        same = {**old.data, KEY: None} == {**new.data, KEY: None} and isinstance(new.data.get(KEY), dict)
    except PageError:
        same = False
    if not same:
        text = "\n".join(section(said))
        raise CommandError(f"{file} is not laid out in lines of `key: value`; nothing was written. Put this in its place:\n{text}")


def _read(page: Path) -> str:
    """With its own line ends."""
    with page.open(encoding="utf-8", newline="") as file:
        return file.read()


def _replace(page: Path, text: str) -> None:
    """All or nothing; a link keeps pointing where it did, and the file keeps its mode."""
    target = page.resolve()
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o644
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
