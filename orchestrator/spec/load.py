"""Files and overrides -> specs. The page's text travels along, so that a run keeps what was said as given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

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

E = TypeVar("E", bound=PageError | PlanError)
_KEYS = {"run": {"model", "training"}, "cluster": {"nodes", "node"}, "mixture": {"sources", "tokenizer"}}
_WHERE = {
    "run": "pass it as SPEC (--spec)",
    "cluster": "pass it as CLUSTER (--cluster)",
    "mixture": "name it under `data: {mixture: ...}` of a run page",
}


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
    _require_kind(said, "run")
    parsed = parse_overrides(overrides)
    page = apply_overrides(said, parsed, RunSpec[Section])
    page = apply_overrides(said, parsed, run_spec_type(page))
    spec: RunSpec[Any] = validate(page, run_spec_type(page))
    return LoadedRun(spec=spec, text=Path(path).read_text("utf-8-sig"), resolved=render_resolved(spec, page), page=page)


def load_cluster(path: str | Path) -> LoadedCluster:
    """Reads a cluster page. Raises PageError with every problem found."""
    page = read_page_tree(path)
    _require_kind(page, "cluster")
    spec = validate(page, ClusterSpec)
    return LoadedCluster(spec=spec, text=Path(path).read_text("utf-8-sig"), name=Path(path).stem, page=page)


def _require_kind(page: Page, kind: str) -> None:
    """Pages of the three kinds are easily swapped on a command line; then every key would be unknown."""
    for other, keys in _KEYS.items():
        if keys & page.data.keys() and not _KEYS[kind] & page.data.keys():
            path = next(key for key in page.data if key in keys)
            raise problem_at(page, path, f"this is a {other} page, and a {kind} page is wanted here", _WHERE[other])


def run_spec_type(page: Page) -> type[RunSpec[Any]]:
    """RunSpec of the family that the page names. Raises PageError when it names none that exists."""
    model = page.data.get("model")
    families = ", ".join(FAMILIES.names())
    if not isinstance(model, dict) or not isinstance(model.get("family"), str):
        if not isinstance(model, dict):
            fix = "write `model: {family: llama, ...}`" if "model" in page.data else "add `model: {family: llama, ...}`"
            raise problem_at(page, "model", f"is not a section that names its family; families: {families}", fix)
        said = "is not a name" if "family" in model else "is missing"
        raise problem_at(page, "model.family", f"{said}; families: {families}", "write `family: llama`")
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


def placed(error: E, run: Page, cluster: Page | None = None) -> E:
    """The same error, each problem with the file and line of the key it speaks of, in the page that knows the key."""
    pages = dict.fromkeys(ClusterSpec.model_fields, cluster or run)
    return type(error)([_placed(problem, pages.get(problem.path.partition(".")[0], run)) for problem in error.problems])


def _placed(problem: Problem, page: Page) -> Problem:
    place = page.place(tuple(problem.path.split(".")) if problem.path else ())
    return replace(problem, file=place.file, line=place.line, column=place.column)
