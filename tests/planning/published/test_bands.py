"""Error bands: what a plan may say of itself, by class of hardware, model and engine."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.planner.bands import bands_from
from benchmarks.planner.estimates import judge
from orchestrator.planning.published import read_runs
from orchestrator.planning.published.bands import Band, Bands, bands_of, dump, generation_of, load
from orchestrator.planning.published.held_out import FEWEST

RUNS = [run for run in read_runs(Path(__file__).parents[3] / "benchmarks/planner/published_runs.csv")[0] if "SC21" in run.source]


@pytest.mark.parametrize(
    ("device", "generation"), [("A100-40GB", "Ampere"), ("H100-96GB", "Hopper"), ("H200", "Hopper"), ("GB200", "Blackwell"), ("cpu", "cpu")]
)  # fmt: skip
def test_devices_of_a_generation_are_one_class(device: str, generation: str) -> None:
    assert generation_of(device) == generation


def test_those_that_ship_were_measured_on_enough_runs() -> None:
    found = bands_of("A100-80GB", "dense", "megatron")
    assert found is not None
    assert found.calibrated.time_n > 100
    assert found.calibrated.memory_n > 10
    for bands in load():
        for band in (bands.calibrated, bands.defaults):
            for error, count in ((band.time, band.time_n), (band.memory, band.memory_n)):
                assert (error is None) == (count == 0)
                assert error is None or (count >= FEWEST and 0 < error < 2)
    assert bands_of("abacus", "dense", "megatron") is None


def test_an_engine_that_was_not_measured_has_what_all_have_and_a_mixture_nothing_of_dense_models() -> None:
    every = bands_of("A100-80GB", "dense", "reference")
    assert every is not None
    assert every.engine is None
    assert bands_of("A100-80GB", "mixture", "megatron") is None  # no published run is one
    mixture, dense = bands_of("H100", "mixture", "megatron"), bands_of("H100", "dense", "megatron")
    assert mixture is not None
    assert dense is not None
    assert mixture.calibrated.time != dense.calibrated.time


def test_they_come_from_rows_that_were_not_fitted() -> None:
    judged = judge(RUNS, RUNS)
    every, bands = bands_from(judged, "2026-01-01")
    assert (every.engine, every.calibrated) == (None, bands.calibrated)
    assert (bands.generation, bands.model, bands.engine, bands.date) == ("Ampere", "dense", "megatron", "2026-01-01")
    assert bands.calibrated.time_n == len(judged.runs) < len(RUNS)
    assert bands.calibrated.memory is None


def test_fewer_runs_than_say_anything_have_no_band() -> None:
    judged = judge(RUNS, RUNS)
    few = FEWEST - 1
    cut = replace(judged, runs=judged.runs[:few], estimates={name: each[:few] for name, each in judged.estimates.items()})
    assert bands_from(cut, "2026-01-01") == ()


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    band = Band(time=0.05, time_n=3, memory=None, memory_n=0)
    bands = (Bands(generation="Volta", model="dense", engine="megatron", calibrated=band, defaults=band, date="2026-01-01"),)
    file = tmp_path / "errors.json"
    file.write_text(dump(bands))
    assert load(file) == bands
    assert json.loads(file.read_text())["date"] == "2026-01-01"


def test_without_a_file_nothing_is_said(tmp_path: Path) -> None:
    assert load(tmp_path / "none.json") == ()
