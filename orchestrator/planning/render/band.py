"""How far off the estimates were where they could be held against measurements: the band that every number carries.

An estimate without its error invites a decision that the error does not allow. Nothing is said where nothing was
measured: no band is better than a made-up one. So an error stands for plans of the kind that it was measured on, and
for others only where published runs of their kind were no further off.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from orchestrator.planning.plan import Plan
from orchestrator.planning.published.bands import Bands, bands_of, model_of
from orchestrator.spec.cluster import Calibration


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


Kind = Literal["time", "memory"]
UNKNOWN = Band(source="not measured on hardware like this: estimates from data sheets and the planner's defaults")
WORDS: dict[Kind, str] = {"time": "step time", "memory": "memory"}
_MEAN = "mean absolute error of "


def band_of(plan: Plan) -> Band:
    """What the cluster page's calibration says of its own error, and what published runs on such devices showed."""
    found = {kind: _error(plan, kind) for kind in WORDS}
    if all(error is None for error, _ in found.values()):
        return UNKNOWN
    sources = {kind: source for kind, (_, source) in found.items()}
    if sources["time"] == sources["memory"]:
        source = f"{WORDS['time']} and {WORDS['memory']}: {sources['time']}"
    else:
        source = "; ".join(f"{WORDS[kind]}: {source}" for kind, source in sources.items())
    return Band(time=found["time"][0], memory=found["memory"][0], source=source)


def _error(plan: Plan, kind: Kind) -> tuple[float | None, str]:
    """An error and where it comes from: the page's, where the plan is like what it was measured on; else the larger one."""
    said = plan.cluster.calibration
    own = (said.error or {}).get(kind)
    published, source = _published(plan, kind)
    if own is None:
        return published, source
    page = f"{_MEAN}this cluster's calibration: {_counted(said.source or plan.device_spec.name)}"
    unlike = _unlike(plan, said)
    if not unlike:
        return own, page
    if published is None:
        return None, f"not measured; this cluster's calibration was held against no {unlike}"
    dense = plan.architecture.mixture and "mixture" not in _models(said)
    if not dense and own >= published:
        return own, f"{page} (held against no {unlike}; published runs were no further off)"
    return published, f"{source}, as this cluster's calibration was held against no {unlike}"


def _counted(source: str) -> str:
    """A page's source with its published rows counted; the page itself names them."""
    return re.sub(r"fitted to rows ([^;]+) of (?=\S)", lambda found: f"fitted to {found[1].count(',') + 1} rows of ", source)


def _unlike(plan: Plan, said: Calibration) -> str:
    """What of a plan the page's error was not measured on, in words. A page that does not say was measured on dense models.

    An error on both kinds of models together is no error on mixtures, of which estimates are further off.
    """
    measured = said.error_on
    kinds = {
        "engine": (plan.engine, "runs on {}"), "precision": (plan.precision, "runs in {}"),
        "model": (model_of(plan.architecture), "{} models"),
    }  # fmt: skip
    known = {name: tuple(getattr(measured, name)) if measured else () for name in kinds}
    known["model"] = _models(said)
    missing = [words.format(value) for name, (value, words) in kinds.items() if value not in known[name]]
    if plan.architecture.mixture and len(known["model"]) > 1:
        missing.append("mixtures by themselves")
    return " and no ".join(missing)


def _models(said: Calibration) -> tuple[str, ...]:
    return (tuple(said.error_on.model) if said.error_on else ()) or ("dense",)


def _published(plan: Plan, kind: Kind) -> tuple[float | None, str]:
    """Of published runs like the plan, calibrated where this page was, and its own error is known."""
    model = model_of(plan.architecture)
    found = bands_of(plan.device_spec.name, model, plan.engine)
    calibrated = _calibrated(plan.cluster.calibration, kind)
    band = None if found is None else found.calibrated if calibrated else found.defaults
    if found is None or band is None or getattr(band, kind) is None:
        return None, "not measured on runs like this"
    which = "calibrated" if calibrated else "with the planner's defaults"
    return getattr(band, kind), f"{_MEAN}{_runs(found, getattr(band, f'{kind}_n'), kind)}, {which}"


def _calibrated(said: Calibration, kind: Kind) -> bool:
    """Whether the page was held against measurements, and says what this kind of estimate is made of."""
    held = said.framework_bytes is not None or said.fragmentation is not None
    return bool(said.error) and (kind != "memory" or held)


def _runs(found: Bands, count: int, kind: Kind) -> str:
    engine = f"{found.engine}'s" if found.engine else "all engines'"
    what = "step times" if kind == "time" else "memory peaks"
    return f"{engine} {count:,} published {what} of {found.model} models on {found.generation} devices"
