"""How far estimates have been off on published runs, by class of hardware, model and engine: what a plan says of itself.

errors.json is written by `make bench-planner ARGS="--write-bands"` (`python -m benchmarks.planner --write-bands`), never by
hand, from rows that no constant was fitted to. Those rows are not unseen: the model's shape, and the defaults that
calibration.py marks so, were found with them in view (docs/log.md), so a run of another source may be further off.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from orchestrator.architecture.stack import Architecture

FILE = Path(__file__).parent / "errors.json"
_ABOUT = 'How far estimates were off on published runs, for plans to show (make bench-planner ARGS="--write-bands")'
_GENERATIONS = {
    "V100": "Volta", "A100": "Ampere", "H100": "Hopper", "H800": "Hopper", "H200": "Hopper", "B200": "Blackwell",
    "B300": "Blackwell", "GB200": "Blackwell", "GB300": "Blackwell",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Band:
    """Mean absolute relative errors on `n` runs; None where fewer than held_out.FEWEST were measured."""

    time: float | None
    time_n: int
    memory: float | None
    memory_n: int


@dataclass(frozen=True, kw_only=True)
class Bands:
    """Of one class: with a cluster's own calibration, and with the defaults. `generation`, `model` and `engine` name the class.

    model: `dense` or `mixture`. engine: None for those of all engines together. date: when the rows were judged, ISO 8601.
    """

    generation: str
    model: str
    engine: str | None
    calibrated: Band
    defaults: Band
    date: str


def generation_of(device: str) -> str:
    """Maker's name of an accelerator's generation; the accelerator's own where none is known."""
    return _GENERATIONS.get(device.partition("-")[0], device)


def model_of(architecture: Architecture) -> str:
    """The class of a model."""
    return "mixture" if architecture.mixture else "dense"


def bands_of(device: str, model: str, engine: str) -> Bands | None:
    """The bands for an accelerator of devices.py, `dense` or `mixture` models, and an engine, or all engines where that one
    was not measured; None where no published runs are like them."""
    known = {(bands.generation, bands.model, bands.engine): bands for bands in load()}
    generation = generation_of(device)
    return known.get((generation, model, engine)) or known.get((generation, model, None))


@cache
def load(file: Path = FILE) -> tuple[Bands, ...]:
    """All classes of a file; none where it is not there."""
    if not file.exists():
        return ()
    data = json.loads(file.read_text("utf-8"))
    return tuple(_bands(entry, data["date"]) for entry in data["bands"])


def _bands(entry: dict[str, Any], date: str) -> Bands:
    return Bands(
        generation=entry["generation"], model=entry["model"], engine=entry["engine"],
        calibrated=Band(**entry["calibrated"]), defaults=Band(**entry["defaults"]), date=date,
    )  # fmt: skip


def dump(bands: tuple[Bands, ...]) -> str:
    """The text of errors.json."""
    entries = [{name: value for name, value in asdict(one).items() if name != "date"} for one in bands]
    return json.dumps({"about": _ABOUT, "date": bands[0].date if bands else "", "bands": entries}, indent=2) + "\n"
