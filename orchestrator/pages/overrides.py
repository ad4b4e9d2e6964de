"""`training.steps=20 parallelism.zero=2`: changes to a page, said on the command line.

They act on the tree before it is validated, so they are typed and checked like the page itself and a
mistake in one is reported with the same care, its place being the override instead of a line.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.errors import PageError, Problem
from orchestrator.pages.explain import section_types
from orchestrator.pages.section import Section
from orchestrator.pages.tree import Page, Path_, Place, dotted, parse_page, scalar


@dataclass(frozen=True)
class Override:
    """One `dotted.path=value`, as typed."""

    path: tuple[str, ...]
    value: Any
    text: str

    @property
    def place(self) -> Place:
        return Place(f"SET {self.text}")


def parse_overrides(text: str | Sequence[str]) -> tuple[Override, ...]:
    """`"a.b=1 c='two words'"` -> overrides. Values are YAML: `[0.9, 0.95]`, `{every: 5 steps}`, `null`."""
    try:
        words = shlex.split(text) if isinstance(text, str) else [word for part in text for word in shlex.split(part)]
    except ValueError as error:
        said = text if isinstance(text, str) else " ".join(text)
        message = f"a quote that is not closed ({str(error).lower()})"
        raise PageError([Problem(file=f"SET {said}", message=message, fix="close the quote")]) from None
    return tuple(_parse_one(word) for word in words)


def _parse_one(word: str) -> Override:
    name, equals, value = word.partition("=")
    path = tuple(name.split("."))
    if not equals or not all(path):
        fix = 'write it as SET="training.steps=20 parallelism.data=2"; a value with spaces needs quotes of its own'
        raise PageError([Problem(file=f"SET {word}", message="expected dotted.path=value", fix=fix)])
    if not value:
        fix = f"write {name}=null for no value"
        raise PageError([Problem(file=f"SET {word}", path=name, message="there is no value after the `=`", fix=fix)])
    if value[0] not in "[{":
        return Override(path, scalar(value), word)
    if value[-1] != {"[": "]", "{": "}"}[value[0]]:
        fix = "close the bracket; a value with spaces needs quotes of its own: SET=\"'a.b={c: 1, d: 2}'\""
        raise PageError([Problem(file=f"SET {word}", path=name, message="the value stops inside a bracket", fix=fix)])
    try:
        return Override(path, parse_page(f"value: {value}", "").data["value"], word)
    except PageError as error:
        problems = [replace(found, file=f"SET {word}", line=0, column=0, path=name) for found in error.problems]
        raise PageError(problems) from None


def apply_overrides(page: Page, overrides: Sequence[Override], model: type[Section]) -> Page:
    """A new page with the overrides in force. A section that is `auto` takes keys; those left are each `auto`."""
    for override in overrides:
        page = _apply(page, override, model)
    return page


def _apply(page: Page, override: Override, model: type[Section]) -> Page:
    data = _copy(page.data)
    keys, values = dict(page.keys), dict(page.values)
    section: Any = data
    owner: Any = model
    for depth, name in enumerate(override.path[:-1]):
        path: Path_ = override.path[: depth + 1]
        inner = section.get(name)
        if inner is None or inner == "auto":
            automatic = getattr(_section_type(owner, name), "automatic", ()) if inner == "auto" else ()
            inner = section[name] = dict.fromkeys(automatic, "auto")
            keys[path] = values[path] = override.place
        if not isinstance(inner, dict):
            message = f"{dotted(path)} is a single value or a list here, not a section with keys of its own"
            fix = f"override {dotted(path)} as a whole"
            raise PageError([Problem(file=str(override.place), path=dotted(override.path), message=message, fix=fix)])
        section, owner = inner, _section_type(owner, name)
    replaced = {override.path[-1]}
    for group in getattr(owner, "alternatives", ()):
        if override.path[-1] in group:
            replaced.update(group)
    for name in replaced:
        section.pop(name, None)
        _forget((*override.path[:-1], name), keys, values)
    section[override.path[-1]] = override.value
    for path in _paths(override.path, override.value):
        keys[path] = values[path] = override.place
    return Page(file=page.file, data=data, keys=keys, values=values)


def _forget(path: Path_, *maps: dict[Path_, Place]) -> None:
    for places in maps:
        for stale in [known for known in places if known[: len(path)] == path]:
            del places[stale]


def _paths(path: Path_, value: Any) -> list[Path_]:
    inner = value.items() if isinstance(value, dict) else ()
    return [path, *(found for key, part in inner for found in _paths((*path, key), part))]


def _section_type(owner: Any, name: str) -> Any:
    field = getattr(owner, "model_fields", {}).get(name)
    found = section_types(field.annotation) if field else ()
    return found[0] if found else None


def _copy(value: Any) -> Any:
    return {key: _copy(inner) for key, inner in value.items()} if isinstance(value, dict) else value
