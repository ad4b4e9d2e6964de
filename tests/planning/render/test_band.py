"""The error that numbers are shown with, and where it was measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.planning import Plan
from orchestrator.planning.published import bands
from orchestrator.planning.published.bands import Bands
from orchestrator.planning.render import band as under_test
from orchestrator.planning.render.band import UNKNOWN, band_of
from tests.planning.render.plans import shipped
from tests.plans import tiny_plan

PUBLISHED = Bands(
    generation="Ampere", engine="megatron", date="2030-01-31",
    calibrated=bands.Band(time=0.06, time_n=1200, memory=0.05, memory_n=60),
    defaults=bands.Band(time=0.15, time_n=1200, memory=None, memory_n=0),
)  # fmt: skip


def calibrated(plan: Plan, **said: object) -> Plan:
    """The plan on a cluster whose page has a calibration."""
    calibration = plan.cluster.calibration.model_copy(update=said)
    return replace(plan, cluster=plan.cluster.model_copy(update={"calibration": calibration}))


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "bands_of", lambda device, engine: PUBLISHED if device.startswith("A100") else None)


def test_a_pages_own_error_comes_first() -> None:
    found = band_of(calibrated(shipped("bloom"), error={"time": 0.04}, source="ten layouts, measured here"))
    assert (found.time, found.memory) == (0.04, None)
    assert "ten layouts, measured here" in found.source


def test_then_that_of_published_runs_on_such_devices() -> None:
    found = band_of(calibrated(shipped("bloom"), error=None, source=None))
    assert (found.time, found.memory) == (0.15, None)
    assert "Ampere" in found.source
    assert "1,200 step times" in found.source
    assert band_of(calibrated(shipped("bloom"), error=None, source="five rows of it")).time == 0.06


def test_where_nothing_was_measured_nothing_is_said() -> None:
    assert band_of(tiny_plan()) == UNKNOWN
    assert UNKNOWN.of("time") == ""


def test_a_band_stays_on_one_line() -> None:
    told = band_of(calibrated(shipped("bloom"), error={"time": 0.04})).of("time")
    assert told.strip(" ").split(" ") == ["±\N{NO-BREAK SPACE}4%"]
