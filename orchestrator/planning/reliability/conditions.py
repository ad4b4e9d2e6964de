"""Everything that a simulated run meets: its work, its nodes, what fails, how it is saved and put right again."""

from __future__ import annotations

import math
from dataclasses import dataclass

from orchestrator.planning.reliability.checkpoints import Save
from orchestrator.planning.reliability.rates import Component

DAY = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Hazard:
    """One kind of failure. The rate counts per node of the job, also for links and switches, so that it scales with nodes."""

    name: str
    component: Component
    per_1000_node_days: float
    takes: int = 1
    """Nodes that leave for repair; 0: the run restarts on the nodes it has."""
    detect_s: float = 0.0
    """Seconds from the failure until the run is known to have failed."""


def switch_hazard(*, per_1000_switch_days: float, nodes_behind: int, detect_s: float) -> Hazard:
    """A switch that takes all nodes behind it, said per switch."""
    rate = per_1000_switch_days / nodes_behind
    return Hazard(name="switch", component="switch", per_1000_node_days=rate, takes=nodes_behind, detect_s=detect_s)


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """How a run gets back to work after a failure."""

    restart_s: float
    """Seconds from detection to the next step: processes, communicators, reading the checkpoint."""
    spares: int = 0
    """Nodes beside those in use when the run begins."""
    fetch_s: float = 0.0
    """Seconds to bring a spare node up; 0 for hot ones."""
    repair_s: float = DAY
    """Seconds until a node that failed is a spare again."""
    sizes: tuple[int, ...] = ()
    """Node counts below the full one on which the run may go on, ascending; empty: it waits for nodes."""


@dataclass(frozen=True, kw_only=True)
class Stragglers:
    """Nodes that become slow, and slow all others with them until they are found and exchanged."""

    per_1000_node_days: float
    slowdown: float
    """Fraction of the speed that one costs; several at once cost no more."""
    found_s: float


@dataclass(frozen=True, kw_only=True)
class Pause:
    """Something that stops training after so much work, as an evaluation does."""

    name: str
    every_s: float
    """Seconds of work at full speed."""
    lasts_s: float


@dataclass(frozen=True, kw_only=True)
class Planned:
    """Interruptions by intent, after a checkpoint: every so often on the clock."""

    every_s: float
    lasts_s: float


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """A run to simulate. Work is counted in seconds that it takes undisturbed on all its nodes."""

    nodes: int
    work_s: float
    every_s: float
    """Seconds of work between two saves."""
    save: Save
    recovery: Recovery
    hazards: tuple[Hazard, ...] = ()
    stragglers: Stragglers | None = None
    pauses: tuple[Pause, ...] = ()
    planned: Planned | None = None
    incidents_s: tuple[float, ...] = ()
    """Seconds lost to events that a run's report tells one by one; they strike at random times."""
    unreadable: float = 0.0
    """Chance that the newest checkpoint does not load and the one before it must do."""
    horizon_s: float = math.inf
    """Seconds after which the simulation stops, done or not."""

    @property
    def per_1000_node_days(self) -> float:
        return sum(hazard.per_1000_node_days for hazard in self.hazards)
