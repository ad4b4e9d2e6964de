"""Two published runs come out of their published inputs: benchmarks/reliability.py says which, and what is assumed."""

from __future__ import annotations

import pytest

from benchmarks.reliability import (
    WITHIN,
    bloom_case,
    bloom_last_days_s,
    bloom_ramp_up_s,
    llama_3,
    llama_3_case,
    main,
)
from orchestrator.planning.reliability.simulate import simulate


def test_bloom_within_3_points() -> None:
    case = bloom_case()
    found = simulate(case.conditions, 20)
    assert case.published == pytest.approx(0.904, abs=0.001)
    assert abs(found.ettr.mean - case.published) < WITHIN
    assert found.finished


def test_llama_3_within_3_points_and_above_its_bound() -> None:
    case = llama_3_case()
    found = simulate(case.conditions, 20)
    assert case.published <= found.ettr.mean < case.published + WITHIN


def test_llama_3_is_interrupted_466_times() -> None:
    """419 unexpected within three standard deviations of the mean of 20 Poisson counts, and 47 planned."""
    found = simulate(llama_3(), 20)
    assert found.interruptions.mean == pytest.approx(419, abs=3 * (419 / 20) ** 0.5)
    assert {run.planned for run in found.runs} == {47}


def test_the_parts_that_are_computed() -> None:
    """The ramp-up took 7 days for what is 5.85 at steady speed: its bubble must be less than that difference."""
    assert 0 < bloom_ramp_up_s() < (7 - 5.85) * 86_400
    assert 0 < bloom_last_days_s() < 2 * 86_400


def test_the_benchmark_shows_its_inputs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["reliability", "--seeds", "3"])
    main()
    told = capsys.readouterr().out
    for words in ("published:", "assumed:", "computed:", "with one assumption changed"):
        assert words in told
