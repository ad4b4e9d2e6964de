"""Exchanges over gloo: sockets of one machine, copied by the cores that compute.

gloo has no rings of its own for every kind: as torch uses it, a reduce-scatter is an all-reduce of which a part is kept.
So each kind is told in multiples of an all-reduce of the same buffer. Where workers outnumber the cores, a rank that a
collective waits for may not have a core, and gets one at the next turn: a wait of milliseconds, in which no one works
that could have.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.planning.calibration import Calibration

HANDLED = {"all_reduce": 1.0, "all_gather": 1.0, "reduce_scatter": 1.5, "all_to_all": 1.0, "send": 0.6}
"""Seconds per byte of the whole buffer, relative to an all-reduce of it (torch 2.13 on two ranks of one machine)."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """Seconds that a rank is busy with exchanges, and seconds that it waits for the turns of others."""

    busy: float = 0.0
    waits: float = 0.0

    def __add__(self, other: Exchange) -> Exchange:
        return Exchange(busy=self.busy + other.busy, waits=self.waits + other.waits)

    def __rmul__(self, times: float) -> Exchange:
        return Exchange(busy=times * self.busy, waits=times * self.waits)


NOTHING = Exchange()


@dataclass(frozen=True, kw_only=True)
class Gloo:
    """Exchanges of `moved` bytes (the whole buffer) among `ranks`.

    bandwidth: what 2 (n - 1) / n of an all-reduce's bytes pass at; latency, turn: seconds per rank and collective.
    """

    bandwidth: float
    latency: float
    turn: float

    def exchange(self, kind: str, moved: float, ranks: int) -> Exchange:
        """One collective of a kind of HANDLED."""
        if ranks == 1:
            return NOTHING
        volume = HANDLED[kind] * moved * 2 * (ranks - 1) / ranks
        return Exchange(busy=self.latency * ranks + volume / self.bandwidth, waits=self.turn * ranks)


def gloo_of(known: Calibration, link_bandwidth: float, *, crowded: bool) -> Gloo:
    """crowded: workers outnumber cores."""
    return Gloo(
        bandwidth=link_bandwidth * known.link_efficiency, latency=known.link_latency_s, turn=known.turn_s if crowded else 0.0
    )
