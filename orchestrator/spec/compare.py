"""Which differences between two runs make another experiment.

Convergence: model, data, objective, batch, optimizer, schedule, precision, seed. Execution: layout,
saving, tracking, recovery. Length (`tokens`, `steps`) is its own kind: training longer continues the
same experiment unless the learning rate's decay is tied to it. `diff` prints this; resume obeys it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from orchestrator.pages import Section

Kind = Literal["convergence", "execution", "length", "description"]

_KINDS: dict[str, Kind] = {
    "system": "description", "paper": "description", "published": "description",
    "parallelism": "execution", "checkpoint": "execution", "tracking": "execution", "recovery": "execution",
    "data.prepared": "execution", "data.cache": "execution", "data.reading": "execution",
    "training.validation": "execution", "training.sample": "execution",
    "training.tokens": "length", "training.steps": "length",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One value that two specs hold differently, by dotted path."""

    path: str
    left: Any
    right: Any
    kind: Kind


def kind_of(path: str) -> Kind:
    """The kind of a dotted path: that of the longest prefix in the table, else convergence."""
    steps = path.split(".")
    for length in range(len(steps), 0, -1):
        kind = _KINDS.get(".".join(steps[:length]))
        if kind:
            return kind
    return "convergence"


def diff(left: Section, right: Section) -> tuple[Difference, ...]:
    """Every value in force that differs, in page order."""
    return diff_values(left.model_dump(mode="json"), right.model_dump(mode="json"))


def diff_values(left: dict[str, Any], right: dict[str, Any]) -> tuple[Difference, ...]:
    """As `diff`, on specs already turned into plain values (as a checkpoint keeps them)."""
    ours, theirs = dict(_leaves(left, "")), dict(_leaves(right, ""))
    paths = dict.fromkeys((*ours, *theirs))
    return tuple(
        Difference(path=path, left=ours.get(path), right=theirs.get(path), kind=kind_of(path))
        for path in paths
        if ours.get(path) != theirs.get(path)
    )


def _leaves(value: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        inner = [_leaves(part, f"{path}.{key}" if path else key) for key, part in value.items()]
        return [leaf for leaves in inner for leaf in leaves]
    return [(path, value)]
