"""How a measure is distributed over a source: without this a limit is chosen blind."""

from __future__ import annotations

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

    def facts(self) -> dict[str, float]:
        ordered = sorted(self._values)
        return {f"{share:g}": round(ordered[int(share * (len(ordered) - 1))], 5) for share in _AT} if ordered else {}
