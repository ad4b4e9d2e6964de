"""Files and overrides -> specs. The page's text travels along, so that a run keeps what was said as given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.errors import PageError, PlanError, Problem, UnknownName
from orchestrator.pages import Page, Section, apply_overrides, parse_overrides, read_page_tree, render_resolved, validate
from orchestrator.registry import FAMILIES
from orchestrator.spec.cluster import ClusterSpec
from orchestrator.spec.run import RunSpec


@dataclass(frozen=True, kw_only=True)
class LoadedRun:
    """A run page: the spec, the text as given, and every value with where it came from."""

    spec: RunSpec[Any]
    text: str
    resolved: str
    page: Page


@dataclass(frozen=True, kw_only=True)
class LoadedCluster:
    """A cluster page and its text as given."""

    spec: ClusterSpec
    text: str
    name: str


def load_run(path: str | Path, overrides: str | Sequence[str] = ()) -> LoadedRun:
    """Reads a run page and applies `overrides`. Raises PageError with every problem found."""
    said = read_page_tree(path)
    parsed = parse_overrides(overrides)
    page = apply_overrides(said, parsed, RunSpec[Section])
    page = apply_overrides(said, parsed, run_spec_type(page))
    spec: RunSpec[Any] = validate(page, run_spec_type(page))
    return LoadedRun(spec=spec, text=Path(path).read_text("utf-8-sig"), resolved=render_resolved(spec, page), page=page)


def load_cluster(path: str | Path) -> LoadedCluster:
    """Reads a cluster page. Raises PageError with every problem found."""
    spec = validate(read_page_tree(path), ClusterSpec)
    return LoadedCluster(spec=spec, text=Path(path).read_text("utf-8-sig"), name=Path(path).stem)


def run_spec_type(page: Page) -> type[RunSpec[Any]]:
    """RunSpec of the family that the page names. Raises PageError when it names none that exists."""
    model = page.data.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("family"), str):
        path = ("model", "family") if isinstance(model, dict) else ("model",)
        place = page.place(path)
        message = f"is missing or not a name; families: {', '.join(FAMILIES.names())}"
        fix = "add `model: {family: llama, ...}`" if model is None else "add the line `family: llama`"
        problem = Problem(
            file=place.file, line=place.line, column=place.column, path=".".join(path), message=message, fix=fix
        )
        raise PageError([problem])
    try:
        return RunSpec[FAMILIES.get(model["family"])]  # type: ignore[misc]
    except UnknownName as error:
        place = page.place(("model", "family"))
        problem = Problem(
            file=place.file, line=place.line, column=place.column, path="model.family", message=str(error),
            fix=f"choose one of: {', '.join(FAMILIES.names())}",
        )  # fmt: skip
        raise PageError([problem]) from None


def placed(error: PlanError, page: Page) -> PlanError:
    """The same error, each problem with the file and line of the key it speaks of."""
    problems = []
    for problem in error.problems:
        place = page.place(tuple(problem.path.split(".")) if problem.path else ())
        problems.append(replace(problem, file=place.file, line=place.line, column=place.column))
    return type(error)(problems)
