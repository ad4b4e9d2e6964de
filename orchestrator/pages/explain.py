"""pydantic's findings -> problems in the user's words: place, what was found, what is allowed, the fix."""

from __future__ import annotations

import json
import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from orchestrator.errors import PageError, Problem
from orchestrator.pages.section import Section
from orchestrator.pages.tree import Page, Path_, dotted, scalar
from orchestrator.registry import nearest

S = TypeVar("S", bound=Section)

_EXPECTED = {
    "int_type": "a whole number", "int_parsing": "a whole number", "int_from_float": "a whole number",
    "float_type": "a number", "float_parsing": "a number", "finite_number": "a finite number",
    "bool_type": "true or false", "bool_parsing": "true or false", "string_type": "text",
    "tuple_type": "a list", "list_type": "a list", "dict_type": "a section of `key: value` lines",
    "model_type": "a section of `key: value` lines", "model_attributes_type": "a section of `key: value` lines",
    "none_required": "nothing",
}  # fmt: skip
_BOUNDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}
_TOO_FEW = "has too few values"
_NAME_FIX = "use letters, digits, `_`, `-` and `.`, beginning with a letter or digit"
_LONGEST_SHOWN = 60


def validate(page: Page, model: type[S]) -> S:
    """The page as a `model`. Raises PageError with every problem, in the order of their lines."""
    try:
        return model.model_validate(page.data)
    except ValidationError as error:
        problems = dict.fromkeys(_explain(details, page, model) for details in error.errors(include_url=False))
        told = [problem for problem in problems if not _follows(problem, problems)]
        raise PageError(sorted(told, key=lambda problem: (problem.line, problem.column))) from None


def _follows(problem: Problem, problems: Iterable[Problem]) -> bool:
    """Whether a problem goes away with another: a missing key that is there misspelt, a list short of its bad items."""
    section, _, name = problem.path.rpartition(".")
    if problem.message == "is missing":
        corrections = (other for other in problems if other.message.startswith("unknown key"))
        return any(other.fix == f"write `{name}`" and other.path.rpartition(".")[0] == section for other in corrections)
    bad_items = (other for other in problems if other.path.startswith(f"{problem.path}["))
    return problem.message.startswith(_TOO_FEW) and any(True for _ in bad_items)


def _explain(details: ErrorDetails, page: Page, model: type[Section]) -> Problem:
    kind, found = details["type"], details.get("input")
    path = _said_path(details["loc"], page, names_an_absent_key=kind == "missing")
    context = details.get("ctx", {})
    if kind == "extra_forbidden":
        valid = field_names(model, path[:-1], page)
        guess = nearest(str(path[-1]), valid)
        fix = f"write `{guess}`" if guess else "remove it"
        return _problem(page, path, f"unknown key; this section knows {', '.join(valid)}", fix, key=True)
    if kind in ("too_short", "too_long") or (kind == "missing" and isinstance(path[-1], int)):
        return _wrong_length(page, path[:-1] if kind == "missing" else path, context)
    if kind == "missing":
        return _problem(page, path, "is missing", f"add {_section_text(model, path, page)}", key=True)
    if kind in ("literal_error", "union_tag_invalid"):
        expected = str(context.get("expected") or context.get("expected_tags"))
        valid = tuple(word.strip(" '") for word in expected.replace(" or ", ", ").split(","))
        if kind == "union_tag_invalid":
            tag = str(context.get("discriminator", "")).strip("'")
            path, found = (*path, tag), context.get("tag")
        guess = nearest(str(found), valid)
        fix = f"write `{guess}`" if guess else f"choose one of: {', '.join(valid)}"
        return _problem(page, path, f"found {_shown(found)}; allowed: {', '.join(valid)}", fix)
    if kind == "union_tag_not_found":
        tag = str(context.get("discriminator", "")).strip("'")
        return _problem(page, (*path, tag), "is missing", f"add `{tag}: ...`", key=True)
    if kind in _EXPECTED:
        fix = f"write {_section_text(model, path, page)}" if _EXPECTED[kind].startswith("a section") else _fix_for(kind, found)
        return _problem(page, path, f"expected {_EXPECTED[kind]}, found {_shown(found)}", fix)
    if kind in ("value_error", "assertion_error"):
        message, _, fix = str(details["msg"]).removeprefix("Value error, ").partition("; fix: ")
        return _problem(page, path, message, fix)
    bound = next((f"{words} {_shown(context[name])}" for name, words in _BOUNDS.items() if name in context), "")
    if bound:
        return _problem(page, path, f"expected {bound}, found {_shown(found)}", f"write {bound}")
    if kind == "string_pattern_mismatch":
        return _problem(page, path, f"expected a short name, found {_shown(found)}", _NAME_FIX)
    return _problem(page, path, f"{_lower(details['msg'])}, found {_shown(found)}", "write a text that is not empty")


def _wrong_length(page: Page, path: Path_, context: dict[str, Any]) -> Problem:
    """A list with too few or too many values."""
    value: Any = page.data
    for step in path:
        value = value[step]
    most = context.get("max_length")
    message = f"has {len(value)} values, at most {most} are allowed" if most else _TOO_FEW
    return _problem(page, path, f"{message}, found {_shown(value)}", "remove some" if most else "add what is missing")


def _said_path(location: tuple[int | str, ...], page: Page, *, names_an_absent_key: bool) -> Path_:
    """pydantic's location without the union tags and function names that it puts between the keys."""
    path: Path_ = ()
    value: Any = page.data
    for position, step in enumerate(location):
        last = position == len(location) - 1
        if isinstance(value, dict) and (step in value or (last and names_an_absent_key)):
            path, value = (*path, step), value.get(step)
        elif isinstance(value, tuple) and isinstance(step, int):
            path, value = (*path, step), value[step] if step < len(value) else None
    return path


def section_types(annotation: Any) -> tuple[type[Section], ...]:
    """The Section classes that an annotation can hold, through Optional, unions, Annotated and tuples."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return (annotation,)
    if get_origin(annotation) in (Union, types.UnionType, Annotated, tuple):
        return tuple(found for argument in get_args(annotation) for found in section_types(argument))
    return ()


def field_names(model: type[Section], path: Path_, page: Page) -> tuple[str, ...]:
    """The keys allowed in the section at `path`; of a tagged union, those of the tagged member."""
    names = {name: None for candidate in _sections_at(model, path, page) for name in candidate.model_fields}
    return tuple(names)


def _sections_at(model: type[Section], path: Path_, page: Page) -> tuple[type[Section], ...]:
    candidates: tuple[type[Section], ...] = (model,)
    value: Any = page.data
    for step in path:
        value = value.get(step) if isinstance(value, dict) else value[step]
        if isinstance(step, str):
            fields = [candidate.model_fields[step] for candidate in candidates if step in candidate.model_fields]
            named = tuple(candidate for candidate in candidates if _is_called(candidate, step))
            candidates = tuple(found for field in fields for found in section_types(field.annotation)) or named
    return tuple(candidate for candidate in candidates if _tags_fit(candidate, value)) or candidates


def _section_text(model: type[Section], path: Path_, page: Page) -> str:
    """`data: {mixture: ..., sequence_length: ...}` with the keys a section needs; `steps: ...` for a plain value."""
    wanted = next(iter(_sections_at(model, path, page)), None)
    if wanted is None:
        return f"`{path[-1]}: ...`"
    needed = [name for name, field in wanted.model_fields.items() if field.is_required()] or list(wanted.model_fields)[:1]
    return f"`{path[-1]}: {{{', '.join(f'{name}: ...' for name in needed)}}}`"


def _tags_fit(candidate: type[Section], value: Any) -> bool:
    literals = {
        name: get_args(field.annotation)
        for name, field in candidate.model_fields.items()
        if get_origin(field.annotation) is Literal
    }
    return isinstance(value, dict) and any(value.get(name) in allowed for name, allowed in literals.items())


def _is_called(candidate: type[Section], name: str) -> bool:
    """Whether a section said as `name: {...}` is of this class: its tag can only have this value."""
    return any(get_args(field.annotation) == (name,) for field in candidate.model_fields.values())


def _problem(page: Page, path: Path_, message: str, fix: str = "", *, key: bool = False) -> Problem:
    place = (page.keys.get(path) if key else None) or page.place(path)
    return Problem(
        file=place.file, line=place.line, column=place.column, path=dotted(path), message=message, fix=fix
    )  # fmt: skip


def _shown(found: Any) -> str:
    """A value as the page would say it."""
    if isinstance(found, dict):
        return "a section"
    if found is None:
        return "nothing"
    if isinstance(found, str):
        text = repr(found)
    elif isinstance(found, tuple):
        text = f"[{', '.join(_shown(item) for item in found)}]"
    else:
        text = f"{found:.6g}" if isinstance(found, float) else json.dumps(found)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _fix_for(kind: str, found: Any) -> str:
    if kind.startswith(("int", "float")) and isinstance(found, str) and isinstance(scalar(found.strip()), int | float):
        return f"write {found.strip()} without quotes"
    if kind.startswith("int"):
        return "write a whole number, such as 8"
    if kind.startswith(("float", "finite")):
        return "write a number, such as 0.1 or 1e-4"
    if kind.startswith("string") and isinstance(found, bool | int | float):
        return f'put it in quotes: "{_shown(found)}"'
    if kind in ("tuple_type", "list_type"):
        return "write `[...]`, even around a single value, or lines that begin with `- `"
    if kind.startswith("bool") and str(found).lower() in ("yes", "on", "1"):
        return "write true"
    if kind.startswith("bool") and str(found).lower() in ("no", "off", "0"):
        return "write false"
    return f"write {_EXPECTED[kind]}"


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
