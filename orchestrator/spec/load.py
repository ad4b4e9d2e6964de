"""Files and overrides -> specs. The page's text travels along, so that a run keeps what was said as given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from orchestrator.errors import PageError, PlanError, Problem, UnknownName
from orchestrator.pages import (
    Page,
    Section,
    apply_overrides,
    parse_overrides,
    read_page_tree,
    render_resolved,
    validate,
)
from orchestrator.registry import FAMILIES, nearest
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
    page: Page


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
    page = read_page_tree(path)
    spec = validate(page, ClusterSpec)
    return LoadedCluster(spec=spec, text=Path(path).read_text("utf-8-sig"), name=Path(path).stem, page=page)


def run_spec_type(page: Page) -> type[RunSpec[Any]]:
    """RunSpec of the family that the page names. Raises PageError when it names none that exists."""
    model = page.data.get("model")
    families = ", ".join(FAMILIES.names())
    if not isinstance(model, dict) or not isinstance(model.get("family"), str):
        if not isinstance(model, dict):
            fix = "write `model: {family: llama, ...}`" if "model" in page.data else "add `model: {family: llama, ...}`"
            raise problem_at(page, "model", f"is not a section that names its family; families: {families}", fix)
        raise problem_at(page, "model.family", f"is missing or not a name; families: {families}", "write `family: llama`")
    try:
        family = FAMILIES.get(model["family"])
    except UnknownName as error:
        guess = nearest(model["family"], FAMILIES.names())
        fix = f"write `{guess}`" if guess else f"choose one of: {families}"
        raise problem_at(page, "model.family", str(error), fix) from None
    return run_spec_of(family)


def run_spec_of(family: Any) -> type[RunSpec[Any]]:
    """RunSpec whose `model` is the section `family`."""
    return cast(type[RunSpec[Any]], RunSpec.__class_getitem__(family))


def problem_at(page: Page, path: str, message: str, fix: str) -> PageError:
    """A PageError about the value at a dotted path of a page that was read."""
    return PageError([_placed(Problem(path=path, message=message, fix=fix), page)])


def placed(error: PlanError, run: Page, cluster: Page | None = None) -> PlanError:
    """The same error, each problem with the file and line of the key it speaks of, in the page that knows the key."""
    pages = dict.fromkeys(ClusterSpec.model_fields, cluster or run)
    return type(error)([_placed(problem, pages.get(problem.path.partition(".")[0], run)) for problem in error.problems])


def _placed(problem: Problem, page: Page) -> Problem:
    place = page.place(tuple(problem.path.split(".")) if problem.path else ())
    return replace(problem, file=place.file, line=place.line, column=place.column)
