"""How far off the estimates were where they could be held against measurements: the band that every number carries.

An estimate without its error invites a decision that the error does not allow. Nothing is said where nothing was
measured: no band is better than a made-up one.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.planning.plan import Plan
from orchestrator.planning.published.bands import bands_of


@dataclass(frozen=True, kw_only=True)
class Band:
    """Mean absolute relative errors, None where not measured; and what they were measured on."""

    time: float | None = None
    memory: float | None = None
    source: str

    def of(self, kind: str) -> str:
        """` ± 8%` on one line, or nothing where that kind was not measured."""
        error: float | None = getattr(self, kind)
        return "" if error is None else f" ±\N{NO-BREAK SPACE}{error:.0%}"


UNKNOWN = Band(source="not measured on hardware like this: estimates from data sheets and the planner's defaults")


def band_of(plan: Plan) -> Band:
    """What the cluster page's calibration says of its own error; else what published runs on such devices showed."""
    said = plan.cluster.calibration
    if said.error:
        where = said.source or f"calibration of {plan.device_spec.name}"
        return Band(time=said.error.get("time"), memory=said.error.get("memory"), source=f"mean absolute error of this cluster's calibration: {where}")
    found = bands_of(plan.device_spec.name, plan.engine)
    if found is None:
        return UNKNOWN
    calibrated = said.source is not None
    band = found.calibrated if calibrated else found.defaults
    which = "calibrated" if calibrated else "with the planner's defaults"
    source = f"mean absolute error on published runs on {found.generation} devices, {which}: {band.time_n:,} step times, {band.memory_n:,} memory peaks"
    return Band(time=band.time, memory=band.memory, source=f"{source} ({found.date})" if found.date else source)
