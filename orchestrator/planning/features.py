"""What a model is made of, by name: the words in which an engine says what it can and cannot build.

An engine that meets a part it does not know used to build the nearest one it knew, and the curve was another
model's. Here every part and every choice within a part has a name, found from the dataclasses themselves, so
that a part added tomorrow is refused today by the engines that list what they have.

    RMSNorm                       a part
    Attention.causal=True         a choice: words and truths that have no default, or differ from it
    Router.capacity               a number that is off by default and is set
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from orchestrator.architecture.stack import Architecture


def features(architecture: Architecture) -> frozenset[str]:
    """Names of all parts of a model and of the choices made in them."""
    parts = (architecture.embedding, *distinct(architecture.blocks), architecture.final_norm, architecture.head)
    return frozenset(name for part in parts for name in _of(part))


def distinct(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """Each object once, in order: the blocks of a model are mostly one and the same."""
    return tuple({id(part): part for part in parts}.values())


def _of(part: Any) -> Iterator[str]:
    name = type(part).__name__
    yield name
    for field in fields(part):
        value = getattr(part, field.name)
        if is_dataclass(value):
            yield from _of(value)
        elif isinstance(value, str | bool) and _chosen(field, value):
            yield f"{name}.{field.name}={value}"
        elif field.default is not MISSING and value != field.default:
            yield f"{name}.{field.name}"


def _chosen(field: Field[Any], value: object) -> bool:
    return field.default is MISSING or value != field.default
