"""How a measure is distributed over a source: without this a limit is chosen blind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_MOST = 4096  # values kept of a measure
_AT = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


class Quantiles:
    """Every value while they are few, then every second, fourth, ... one: evenly over the source, in bounded memory."""

    def __init__(self) -> None:
        self._values: list[float] = []
        self._every = 1
        self._seen = 0

    def add(self, value: float) -> None:
        if self._seen % self._every == 0:
            self._values.append(value)
        self._seen += 1
        if len(self._values) >= _MOST:
            self._values = self._values[::2]
            self._every *= 2

    def state(self) -> dict[str, Any]:
        """What is held, so that those of several blocks can be joined."""
        return {"values": [round(value, 6) for value in self._values], "every": self._every}


def quantiles(states: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Share of documents -> the value that so many stay below, over all blocks."""
    pairs = sorted((value, state["every"]) for state in states for value in state["values"])
    total, seen = sum(weight for _, weight in pairs), 0
    found: dict[str, float] = {}
    wanted = list(_AT)
    for value, weight in pairs:
        seen += weight
        while wanted and seen > wanted[0] * (total - weight):
            found[f"{wanted.pop(0):g}"] = round(value, 5)
    return found
