"""Everything that a screen, a page and JSON show beyond the plan itself, worked out once."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from orchestrator.planning.flops import flops_per_token
from orchestrator.planning.plan import Plan
from orchestrator.planning.reliability import Reliability, reliability_of
from orchestrator.planning.render.band import Band, band_of
from orchestrator.planning.render.scaling import Scaling, scaling_of
from orchestrator.planning.render.timeline import Timeline, timeline_of
from orchestrator.planning.time import CONVENTION

MFU_CONVENTIONS = (CONVENTION, "Bridge")
HARDWARE = {"full": "SC21", "selective": "Korthikanti-hardware"}
"""The convention that counts what is computed again, by what is."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A plan and what follows from it. Scaling and timeline are worked out when they are asked for."""

    plan: Plan
    band: Band
    reliability: Reliability
    mfu: dict[str, float]
    """Model FLOPs utilisation by convention (planning/flops.py)."""
    hfu: tuple[str, float] | None
    """(convention, utilisation) with what is computed again counted; None where nothing is."""

    @property
    def device_hours(self) -> float:
        """Without interruptions."""
        return self.plan.time.total_s * self.plan.world_size / 3600

    @property
    def expected_s(self) -> float | None:
        """Seconds with saving and interruptions, None where the run would lose work as fast as it does it."""
        days = self.reliability.days
        return days * 86_400 if math.isfinite(days) else None

    @property
    def expected_cost(self) -> float | None:
        """With saving and interruptions, in the price's currency."""
        cost, seconds = self.plan.time.cost, self.expected_s
        return None if cost is None or seconds is None else cost * seconds / self.plan.time.total_s

    @cached_property
    def scaling(self) -> Scaling:
        return scaling_of(self.plan)

    @cached_property
    def timeline(self) -> Timeline:
        return timeline_of(self.plan)

    def as_dict(self) -> dict[str, Any]:
        """The plan's JSON and all that is shown beside it. No number is infinite: those are null."""
        told = {
            "fits": True,
            **self.plan.as_dict(),
            "device_hours": self.device_hours,
            "mfu": self.mfu,
            "hfu": None if self.hfu is None else {"convention": self.hfu[0], "value": self.hfu[1]},
            "expected_s": self.expected_s,
            "expected_cost": self.expected_cost,
            "reliability": asdict(self.reliability),
            "error": asdict(self.band),
            "scaling": asdict(self.scaling),
            "pipeline": {"bubble": self.timeline.bubble, "computing_s": self.timeline.end, "after_s": self.timeline.after},
            "calibration": asdict(self.plan.hardware.calibration) | {"source": self.plan.cluster.calibration.source},
        }
        finite: dict[str, Any] = _finite(told)
        return finite


def report_of(plan: Plan) -> Report:
    """What follows from a plan, with nothing that takes long."""
    return Report(
        plan=plan, band=band_of(plan), reliability=reliability_of(plan),
        mfu={name: _utilisation(plan, name) for name in MFU_CONVENTIONS},
        hfu=(HARDWARE[plan.recompute], _utilisation(plan, HARDWARE[plan.recompute])) if plan.recompute in HARDWARE else None,
    )  # fmt: skip


def _utilisation(plan: Plan, convention: str) -> float:
    flops = flops_per_token(plan.architecture, plan.sequence_length, convention)
    return flops * plan.time.tokens_per_s / (plan.world_size * plan.peak_flops)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
