"""A section that a page names instead of tagging: `wordpiece`, or `wordpiece: {cased: true}`.

What pydantic tells members of a union apart by is a key of each (`recipe: wordpiece`). On a page a list of steps reads
better by their names, and an unknown one is answered with the nearest.
"""

from __future__ import annotations

from typing import Any

from orchestrator.registry import Registry, nearest


def said_by_name(said: Any, registry: Registry[Any], tag: str, example: str) -> dict[str, Any]:
    """`name` or `name: {...}` as a section that says its own name under `tag`, which is also the word for what is named.

    Raises ValueError, with `example` as the fix where neither is said.
    """
    name, options = next(iter(said.items())) if isinstance(said, dict) and len(said) == 1 else (said, {})
    if not isinstance(name, str) or (options is not None and not isinstance(options, dict)):
        raise ValueError(f"expected the name of a {tag}, or one name with a section; fix: write `{example}`")
    names = registry.names()
    if name not in names:
        guess = nearest(name, names)
        fix = f"write `{guess}`" if guess else "choose one of these"
        raise ValueError(f"unknown {tag} {name!r} (there are: {', '.join(names)}); fix: {fix}")
    return {**(options or {}), tag: name}
