"""The same job on 8 ... 100,000 devices, and a plan's whole run: what `orchestrate simulate` shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator.planning.reliability import intervals
from orchestrator.planning.reliability.conditions import Conditions
from orchestrator.planning.reliability.estimate import (
    Reliability,
    asynchronous_conditions,
    conditions_of,
    reliability_of,
)
from orchestrator.planning.reliability.outcome import Outcomes
from orchestrator.planning.reliability.simulate import simulate

if TYPE_CHECKING:
    from orchestrator.planning.plan import Plan

SEEDS = 10
SEEDS_PER_ROW = 5


@dataclass(frozen=True, kw_only=True)
class Row:
    """One number of devices."""

    devices: int
    conditions: Conditions
    outcomes: Outcomes

    @property
    def mtbf_s(self) -> float:
        return intervals.job_mtbf(self.conditions.per_1000_node_days, self.conditions.nodes)


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """A plan simulated: its run as the page says, as it would be with the best interval, and the job at other sizes."""

    plan: Plan
    reliability: Reliability
    outcomes: Outcomes
    best: Row
    without_spares: Outcomes
    asynchronous: Outcomes
    """With saves that training does not wait for, at their best interval."""
    rows: tuple[Row, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; what never happens is null."""
        return {
            "reliability": {name: _finite(value) for name, value in asdict(self.reliability).items()},
            "simulated": self.outcomes.as_dict(),
            "simulated_without_spares": self.without_spares.as_dict(),
            "simulated_asynchronous": self.asynchronous.as_dict(),
            "simulated_best_interval": self.best.outcomes.as_dict(),
            "scaling": [
                {
                    "devices": row.devices, "nodes": row.conditions.nodes, "undisturbed_days": row.conditions.work_s / intervals.DAY,
                    "mtbf_s": _finite(row.mtbf_s), "every_s": row.conditions.every_s, "save_s": row.conditions.save.stall_s,
                    "spares": row.conditions.recovery.spares, **row.outcomes.as_dict(),
                }
                for row in self.rows
            ],
        }  # fmt: skip


def simulate_plan(plan: Plan, devices: Sequence[int] = (), seed: int = 0) -> Simulation:
    """The plan's run under SEEDS seeds from `seed`, and the same job on each of `devices`."""
    return Simulation(
        plan=plan,
        reliability=reliability_of(plan),
        outcomes=simulate(conditions_of(plan), SEEDS, seed),
        without_spares=simulate(_without_spares(conditions_of(plan)), SEEDS, seed),
        asynchronous=simulate(asynchronous_conditions(plan), SEEDS, seed),
        best=_row(plan, plan.world_size, SEEDS, seed),
        rows=tuple(_row(plan, count, SEEDS_PER_ROW, seed) for count in sorted({*devices, plan.world_size})),
    )


def _without_spares(conditions: Conditions) -> Conditions:
    return replace(conditions, recovery=replace(conditions.recovery, spares=0))


def _row(plan: Plan, devices: int, seeds: int, seed: int) -> Row:
    conditions = conditions_of(plan, devices)
    return Row(devices=devices, conditions=conditions, outcomes=simulate(conditions, seeds, seed))


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and math.isinf(value) else value
