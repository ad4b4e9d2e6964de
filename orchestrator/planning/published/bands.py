"""How far estimates have been off on published runs, by class of hardware and engine: what a plan says of itself.

errors.json is written by `make bench-planner ARGS="--write-bands"` from rows that nothing was fitted to, never by hand.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "errors.json"
_ABOUT = 'How far estimates were off on published runs, for plans to show (make bench-planner ARGS="--write-bands")'
_GENERATIONS = {
    "V100": "Volta", "A100": "Ampere", "H100": "Hopper", "H800": "Hopper", "H200": "Hopper", "B200": "Blackwell",
    "B300": "Blackwell", "GB200": "Blackwell", "GB300": "Blackwell",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Band:
    """Mean absolute relative errors on `n` runs; None where none was measured."""

    time: float | None
    time_n: int
    memory: float | None
    memory_n: int


@dataclass(frozen=True, kw_only=True)
class Bands:
    """Of one class: with a cluster's own calibration, and with the defaults. `generation` and `engine` name the class.

    date: when the rows were judged, ISO 8601.
    """

    generation: str
    engine: str
    calibrated: Band
    defaults: Band
    date: str


def generation_of(device: str) -> str:
    """Maker's name of an accelerator's generation; the accelerator's own where none is known."""
    return _GENERATIONS.get(device.partition("-")[0], device)


def bands_of(device: str, engine: str) -> Bands | None:
    """The bands for an accelerator of devices.py and an engine; None where no published run is like them."""
    wanted = (generation_of(device), engine)
    return next((bands for bands in load() if (bands.generation, bands.engine) == wanted), None)


@cache
def load(file: Path = FILE) -> tuple[Bands, ...]:
    """All classes of a file; none where it is not there."""
    if not file.exists():
        return ()
    data = json.loads(file.read_text("utf-8"))
    return tuple(_bands(entry, data["date"]) for entry in data["bands"])


def _bands(entry: dict[str, Any], date: str) -> Bands:
    return Bands(
        generation=entry["generation"], engine=entry["engine"], calibrated=Band(**entry["calibrated"]),
        defaults=Band(**entry["defaults"]), date=date,
    )  # fmt: skip


def dump(bands: tuple[Bands, ...]) -> str:
    """The text of errors.json."""
    entries = [{name: value for name, value in asdict(one).items() if name != "date"} for one in bands]
    return json.dumps({"about": _ABOUT, "date": bands[0].date if bands else "", "bands": entries}, indent=2) + "\n"
