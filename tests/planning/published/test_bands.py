"""Error bands: what a plan may say of itself, by class of hardware and engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.planner.bands import bands_from
from benchmarks.planner.estimates import judge
from orchestrator.planning.published import read_runs
from orchestrator.planning.published.bands import Band, Bands, bands_of, dump, generation_of, load

RUNS = [run for run in read_runs(Path(__file__).parents[3] / "benchmarks/planner/published_runs.csv")[0] if "SC21" in run.source]


@pytest.mark.parametrize(
    ("device", "generation"), [("A100-40GB", "Ampere"), ("H100-96GB", "Hopper"), ("H200", "Hopper"), ("GB200", "Blackwell"), ("cpu", "cpu")]
)  # fmt: skip
def test_a_class_is_a_generation_and_an_engine(device: str, generation: str) -> None:
    assert generation_of(device) == generation


def test_those_that_ship_were_measured() -> None:
    found = bands_of("A100-80GB", "megatron")
    assert found is not None
    assert found.calibrated.time_n > 100
    assert found.calibrated.memory_n > 10
    for bands in load():
        for band in (bands.calibrated, bands.defaults):
            assert (band.time is None) == (band.time_n == 0)
            assert (band.memory is None) == (band.memory_n == 0)
            assert band.time is None or 0 < band.time < 2
    assert bands_of("abacus", "megatron") is None


def test_they_come_from_rows_that_were_not_fitted() -> None:
    judged = judge(RUNS, RUNS)
    (bands,) = bands_from(judged, "2026-01-01")
    assert (bands.generation, bands.engine, bands.date) == ("Ampere", "megatron", "2026-01-01")
    assert bands.calibrated.time_n == len(judged.runs) < len(RUNS)
    assert bands.calibrated.memory is None


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    band = Band(time=0.05, time_n=3, memory=None, memory_n=0)
    bands = (Bands(generation="Volta", engine="megatron", calibrated=band, defaults=band, date="2026-01-01"),)
    file = tmp_path / "errors.json"
    file.write_text(dump(bands))
    assert load(file) == bands
    assert json.loads(file.read_text())["date"] == "2026-01-01"


def test_without_a_file_nothing_is_said(tmp_path: Path) -> None:
    assert load(tmp_path / "none.json") == ()
