"""The error that numbers are shown with, and where it was measured: never that of anything else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.planning import Plan
from orchestrator.planning.published import bands
from orchestrator.planning.published.bands import Bands
from orchestrator.planning.render import band as under_test
from orchestrator.planning.render.band import UNKNOWN, band_of
from orchestrator.spec.cluster import ErrorOn
from tests.planning.render.plans import shipped
from tests.plans import tiny_plan

PUBLISHED = {
    "dense": Bands(
        generation="Ampere", model="dense", engine="megatron", date="2030-01-31",
        calibrated=bands.Band(time=0.06, time_n=1200, memory=0.05, memory_n=60),
        defaults=bands.Band(time=0.15, time_n=1200, memory=0.09, memory_n=60),
    ),
    "mixture": Bands(
        generation="Ampere", model="mixture", engine=None, date="2030-01-31",
        calibrated=bands.Band(time=0.2, time_n=20, memory=None, memory_n=0),
        defaults=bands.Band(time=0.3, time_n=20, memory=None, memory_n=0),
    ),
}  # fmt: skip
SAME = ErrorOn(engine=("megatron",), precision=("bf16",), model=("dense",))
SILENT = {"error": None, "error_on": None, "source": None, "framework_bytes": None, "fragmentation": None}


def saying(name: str, **said: object) -> Plan:
    """A shipped plan on a cluster whose page says of its measurements this and nothing else."""
    plan = shipped(name)
    calibration = plan.cluster.calibration.model_copy(update={**SILENT, **said})
    return replace(plan, cluster=plan.cluster.model_copy(update={"calibration": calibration}))


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "bands_of", lambda device, model, engine: PUBLISHED[model] if device.startswith("A100") else None)


def test_a_pages_own_error_comes_first_for_what_it_was_measured_on() -> None:
    found = band_of(saying("bloom", error={"time": 0.04, "memory": 0.03}, error_on=SAME, source="ten layouts, measured here"))
    assert (found.time, found.memory) == (0.04, 0.03)
    assert "ten layouts, measured here" in found.source


def test_what_the_page_did_not_measure_is_that_of_published_runs() -> None:
    found = band_of(saying("bloom", error={"time": 0.04}, error_on=SAME))
    assert (found.time, found.memory) == (0.04, 0.09)
    assert "memory: mean absolute error of megatron's 60 published memory peaks of dense models on Ampere devices" in found.source
    assert band_of(saying("bloom", error={"time": 0.04}, error_on=SAME, fragmentation=0.1)).memory == 0.05


def test_published_runs_are_calibrated_only_where_the_page_was_held_against_something() -> None:
    silent = band_of(saying("bloom"))
    assert (silent.time, silent.memory) == (0.15, 0.09)
    assert "1,200 published step times" in silent.source
    assert "with the planner's defaults" in silent.source
    fitted = band_of(saying("bloom", source="fitted to one row", fragmentation=0.1))
    assert (fitted.time, fitted.memory) == (0.15, 0.09)


@pytest.mark.parametrize(
    "other", [{"engine": ("deepspeed",)}, {"precision": ("fp16",)}, {"model": ("mixture",)}, {"engine": ()}]
)  # fmt: skip
def test_a_plan_unlike_what_was_measured_takes_the_larger_error(other: dict[str, tuple[str, ...]]) -> None:
    elsewhere = SAME.model_copy(update=other)
    assert band_of(saying("bloom", error={"time": 0.04}, error_on=elsewhere)).time == 0.06
    larger = band_of(saying("bloom", error={"time": 0.10}, error_on=elsewhere))
    assert larger.time == 0.10
    assert "held against no" in larger.source


def test_a_mixture_never_takes_the_error_of_dense_models() -> None:
    for error_on in (None, SAME):
        found = band_of(saying("mixtral", error={"time": 0.5, "memory": 0.5}, error_on=error_on))
        assert (found.time, found.memory) == (0.2, None)
    both = SAME.model_copy(update={"model": ("dense", "mixture")})
    assert band_of(saying("mixtral", error={"time": 0.1}, error_on=both)).time == 0.2
    assert band_of(saying("mixtral", error={"time": 0.25}, error_on=both)).time == 0.25


def test_where_nothing_was_measured_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert band_of(tiny_plan()) == UNKNOWN
    assert UNKNOWN.of("time") == ""
    monkeypatch.setattr(under_test, "bands_of", lambda device, model, engine: None)
    assert band_of(saying("mixtral", error={"time": 0.1}, error_on=SAME)) == UNKNOWN


def test_a_band_stays_on_one_line() -> None:
    told = band_of(saying("bloom", error={"time": 0.04}, error_on=SAME)).of("time")
    assert told.strip(" ").split(" ") == ["±\N{NO-BREAK SPACE}4%"]
