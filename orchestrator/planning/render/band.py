"""How far off the estimates were where they could be held against measurements: the band that every number carries.

An estimate without its error invites a decision that the error does not allow. Nothing is said where nothing was
measured: no band is better than a made-up one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.planning.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Band:
    """Mean absolute relative errors, None where not measured; and what they were measured on."""

    time: float | None = None
    memory: float | None = None
    source: str

    def of(self, kind: str) -> str:
        """` ± 8 %`, or nothing where that kind was not measured."""
        error: float | None = getattr(self, kind)
        return "" if error is None else f" ± {100 * error:.0f} %"


UNKNOWN = Band(source="not measured on this cluster: estimates from data sheets and the planner's defaults")


def band_of(plan: Plan) -> Band:
    """What the cluster page's calibration says of its own error."""
    said = plan.cluster.calibration
    if not said.error:
        return UNKNOWN
    where = said.source or f"calibration of {plan.device_spec.name}"
    return Band(time=said.error.get("time"), memory=said.error.get("memory"), source=where)
