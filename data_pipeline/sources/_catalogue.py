"""A catalogue page: all that is to be said of one corpus, said once, and used by the mixtures that read it.

    # catalogue/wikipedia_fr.yaml                      # a mixture page beside that folder
    name: wikipedia_fr                                 sources:
    kind: files                                          - {catalogue: wikipedia_fr, weight: 0.3}
    language: fr                                         - {catalogue: ../shared/books.yaml, steps: [dedup_document]}
    licence: CC-BY-SA-4.0
    paths: /corpora/wikipedia/fr/*.jsonl.zst
    steps: [filter_remove_empty_docs, {dedup_template_soft: {least: 10}}]
    max_epochs: 4

Where a mixture repeats the licence, the steps and the place of each corpus, two mixtures soon say different
things of the same one. A key that the mixture says itself takes the place of the catalogue's; relative
paths start at the page that says them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from data_pipeline.sources import SOURCES, Source
from data_pipeline.steps import STEPS, Step
from orchestrator.errors import PageError, Problem
from orchestrator.pages import Page, read_page_tree
from orchestrator.pages.tree import Path_, Place, dotted

FOLDER = "catalogue"


def resolve(page: Page, folder: Path) -> Page:
    """The mixture page with each `catalogue:` in its sources replaced by what that page says.

    Every value keeps its place, so that what is wrong in a catalogue page is told with that page's file and
    line. Raises PageError for a page that is not there, or that names another.
    """
    sources = page.data.get("sources")
    if not isinstance(sources, tuple):
        return page
    keys, values = dict(page.keys), dict(page.values)
    data = [_resolved(page, folder, position, said, keys, values) for position, said in enumerate(sources)]
    return replace(page, data={**page.data, "sources": tuple(data)}, keys=keys, values=values)


def _resolved(
    page: Page, folder: Path, position: int, said: Any, keys: dict[Path_, Place], values: dict[Path_, Place]
) -> Any:
    if not isinstance(said, dict) or "catalogue" not in said:
        return said
    here: Path_ = ("sources", position)
    found = read_page_tree(_path_of(page, (*here, "catalogue"), said["catalogue"], folder))
    if "catalogue" in found.data:
        raise _problem(found, ("catalogue",), "a catalogue page names another one", "say it all in one page")
    own = {key: value for key, value in said.items() if key != "catalogue"}
    taken = {key: value for key, value in found.data.items() if key not in own}
    for places, theirs in ((keys, found.keys), (values, found.values)):
        del places[(*here, "catalogue")]
        places.update({(*here, *path): place for path, place in theirs.items() if path and path[0] in taken})
    home = Path(found.file).parent.resolve()
    steps = taken.get("steps")
    if isinstance(steps, tuple):
        taken["steps"] = tuple(_anchored_step(step, home) for step in steps)
    kind = own.get("kind", taken.get("kind"))
    if kind in SOURCES.names():
        said_without_steps = {key: value for key, value in {**taken, **own}.items() if key != "steps"}
        taken = _anchored(SOURCES.get(kind), taken, said_without_steps, home)
    return {**taken, **own}


def _path_of(page: Page, path: Path_, said: Any, folder: Path) -> Path:
    """`books.yaml` or `a/books` is a path from the page's folder; `books` alone is `catalogue/books.yaml`."""
    if not isinstance(said, str) or not said:
        raise _problem(
            page, path, "expected the path or the name of a catalogue page", "write `catalogue: books.yaml`"
        )
    if "/" in said or said.endswith((".yaml", ".yml")):
        return folder / said
    return folder / FOLDER / f"{said}.yaml"


def _anchored(
    kind: type[Source] | type[Step], taken: dict[str, Any], section: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """`taken`, with the relative paths in it taken from `folder`; what they are, the section itself knows."""
    try:
        valid = kind.model_validate(section)
    except ValidationError:  # to be told of the whole page, with its lines, when that is validated
        return taken
    return _moved(taken, valid.model_dump(), valid.anchored(folder).model_dump())


def _moved(said: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    moved = {}
    for key, value in said.items():
        if isinstance(value, dict) and isinstance(before.get(key), dict):
            moved[key] = _moved(value, before[key], after[key])
        else:
            moved[key] = after[key] if before.get(key) != after.get(key) else value
    return moved


def _anchored_step(said: Any, folder: Path) -> Any:
    name, options = next(iter(said.items())) if isinstance(said, dict) and len(said) == 1 else (said, None)
    if name not in STEPS.names() or not isinstance(options, dict):
        return said
    return {name: _anchored(STEPS.get(name), options, {**options, "step": name}, folder)}


def _problem(page: Page, path: Path_, message: str, fix: str) -> PageError:
    place = page.place(path)
    return PageError(
        [
            Problem(
                file=place.file,
                line=place.line,
                column=place.column,
                path=dotted(path),
                message=message,
                fix=fix,
            )
        ]
    )
