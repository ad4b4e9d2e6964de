"""Fitting: few runs, chosen blindly, and constants that move no further than they insist."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.planning.published import Run, read_runs
from orchestrator.planning.published.fit import PRIORS, choose, fit, fitted
from orchestrator.planning.timing import step_time

PUBLISHED = Path(__file__).resolve().parents[3] / "benchmarks/planner/published_runs.csv"


@pytest.fixture(scope="module")
def selene() -> list[Run]:
    runs, _ = read_runs(PUBLISHED)
    return [run for run in runs if "SC21" in run.cluster]


def test_runs_are_chosen_by_what_they_are(selene: list[Run]) -> None:
    """The measured times turned upside down choose the same runs, and so does any order of rows."""
    ids = [run.id for run in choose(selene)]
    turned = [replace(run, step_s=1 / run.step_s) for run in reversed(selene) if run.step_s]
    assert [run.id for run in choose(turned)] == ids


@pytest.mark.parametrize(("count", "taken"), [(0, 0), (1, 0), (2, 1), (3, 1), (6, 3)])
def test_as_many_are_left_to_score(selene: list[Run], count: int, taken: int) -> None:
    assert len(choose(selene[:count])) == taken


def test_never_more_than_five(selene: list[Run]) -> None:
    many = [replace(run, id=f"{run.id} {turn}") for turn in range(4) for run in selene]
    assert len(choose(many)) == len(fit(many).ids) == 5


def test_runs_without_a_time_are_not_fitted_to(selene: list[Run]) -> None:
    blind = [replace(run, step_s=None) for run in selene]
    made = fit(blind)
    assert (made.ids, made.calibration) == ((), selene[0].hardware.calibration)


def test_runs_as_estimated_leave_the_constants_alone(selene: list[Run]) -> None:
    told = [replace(run, step_s=step_time(run.work, run.hardware).total) for run in selene[:3]]
    found, base = fitted(told), selene[0].hardware.calibration
    assert all(math.isclose(getattr(found, name), getattr(base, name), rel_tol=1e-3) for name in PRIORS)


def test_constants_are_found_again(selene: list[Run]) -> None:
    """Runs made with products at 0.6 of peak: the fit finds it within its prior."""
    base = selene[0].hardware.calibration
    slow = replace(base, matmul_efficiency=0.6)
    told = [replace(run, step_s=step_time(run.work, replace(run.hardware, calibration=slow)).total) for run in selene]
    made = fit(told)
    assert made.calibration.matmul_efficiency == pytest.approx(0.6, rel=0.1)
    for run in told:
        assert run.step_s
        assert step_time(run.work, replace(run.hardware, calibration=made.calibration)).total == pytest.approx(run.step_s, rel=0.04)


def test_efficiencies_stay_below_one(selene: list[Run]) -> None:
    fast = [replace(run, step_s=run.step_s / 3) for run in selene if run.step_s]
    found = fitted(fast[:3])
    assert all(getattr(found, name) <= 1 for name in PRIORS if name == "overlap" or name.endswith("efficiency"))


@pytest.mark.parametrize(
    ("source", "most"),
    # ml-engineering, maximum achievable matmul FLOPS: TFLOP/s of the best product, and the data sheet's
    [("SC21", 271 / 312), ("Llama 3 Herd", 794 / 989), ("Megatron-Bridge performance summary | GB200", 1822 / 2500)],
)
def test_products_reach_no_more_than_the_best_that_was_measured(source: str, most: float) -> None:
    """Runs three times as fast as they were, and the one of Llama 3 405B that a fit once explained with 0.90 of peak."""
    runs = [run for run in read_runs(PUBLISHED)[0] if source in run.cluster and run.step_s][:3]
    for share in (1, 3):
        found = fitted([replace(run, step_s=(run.step_s or 0.0) / share) for run in runs])
        assert found.matmul_efficiency <= most * 1.0001
