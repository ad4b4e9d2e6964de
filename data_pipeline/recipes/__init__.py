"""Recipes: what is done to texts, without the texts, so that a page of one's own only names a folder.

    recipe: roots
    sources: [{name: corpus, kind: collection, paths: corpus/*.jsonl.zst, pattern: "{language}_{collection}.jsonl.zst"}]

A recipe is a mixture page without sources. What the page says itself stands instead of what the recipe says under the same
key. A recipe that ships is named by its file here; any other by its path. Paths in a recipe are taken from the folder of the
page that uses it.
"""

from __future__ import annotations

from pathlib import Path

from orchestrator.errors import PageError, Problem
from orchestrator.pages import Page, read_page_tree
from orchestrator.registry import unknown

SHIPPED = Path(__file__).parent


def shipped_recipes() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.yaml")))


def with_recipe(page: Page) -> Page:
    """The page with what its recipe says and it does not. Raises PageError where the recipe is unknown or says sources."""
    said = page.data.get("recipe")
    if said is None:
        return page
    recipe = read_page_tree(_path_of(said, page))
    if "sources" in recipe.data or "recipe" in recipe.data:
        key = "sources" if "sources" in recipe.data else "recipe"
        place = recipe.place((key,))
        fix = "remove it; a recipe says only what is done to texts"
        raise PageError([Problem(file=place.file, line=place.line, column=place.column, path=key, message="stands in a recipe", fix=fix)])
    own = set(page.data)
    added = {key: value for key, value in recipe.data.items() if key not in own}
    keys = {path: place for path, place in recipe.keys.items() if path and path[0] in added}
    values = {path: place for path, place in recipe.values.items() if path and path[0] in added}
    return Page(file=page.file, data={**page.data, **added}, keys={**keys, **page.keys}, values={**values, **page.values})


def _path_of(said: object, page: Page) -> Path:
    place = page.place(("recipe",))
    problem = ""
    if not isinstance(said, str) or not said:
        problem = f"found {said!r}, and a recipe is a name or a path"
    elif "/" in said or said.endswith((".yaml", ".yml")):
        return Path(page.file).parent / said
    elif said not in shipped_recipes():
        problem = unknown("recipe", said, shipped_recipes())
    if problem:
        fix = f"write one of: {', '.join(shipped_recipes())}, or the path of one"
        raise PageError([Problem(file=place.file, line=place.line, column=place.column, path="recipe", message=problem, fix=fix)])
    return SHIPPED / f"{said}.yaml"
