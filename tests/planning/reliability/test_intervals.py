"""Closed forms, against worked checks: each row was computed by hand from the published formulas and figures."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.planning.reliability.intervals import (
    DAY,
    daly,
    daly_ettr,
    ettr,
    job_mtbf,
    node_mtbf,
    nvidia,
    young,
)

HOUR = 3600.0


class TestMeanTimeBetweenFailures:
    def test_of_a_job_is_a_nodes_over_the_number_of_nodes(self) -> None:
        """Llama 3: 3.79 failures per 1000 node-days on 2048 nodes are one every 3.09 hours."""
        assert job_mtbf(1000 * 419 / (54 * 2048), 2048) == pytest.approx(54 * DAY / 419)
        assert job_mtbf(1000 * 419 / (54 * 2048), 2048) / HOUR == pytest.approx(3.09, abs=0.005)

    def test_at_6_5_per_1000_node_days_16384_devices_stop_every_1_8_hours(self) -> None:
        assert job_mtbf(6.5, 2048) / HOUR == pytest.approx(1.8, abs=0.01)

    def test_is_infinite_where_nothing_fails(self) -> None:
        assert node_mtbf(0) == math.inf


class TestWorkedChecks:
    def test_bloom(self) -> None:
        """C = 40 s, M = 5 days, R = 600 s; the run used about 10,500 s."""
        save, mtbf, restart = 40.0, 5 * DAY, 600.0
        assert young(save, mtbf) == pytest.approx(5879, abs=1)
        assert daly(save, mtbf) == pytest.approx(5852, abs=1)
        assert nvidia(save, mtbf, restart) == pytest.approx(5923, abs=1)
        assert ettr(daly(save, mtbf), save, mtbf, restart) == pytest.approx(0.985, abs=5e-4)
        assert ettr(10_500, save, mtbf, restart) == pytest.approx(0.983, abs=5e-4)

    def test_llama_3_with_slow_saves(self) -> None:
        """C = 60 s, R = 600 s."""
        save, mtbf = 60.0, 3.1 * HOUR
        assert young(save, mtbf) == pytest.approx(1157, abs=1)
        assert daly(save, mtbf) == pytest.approx(1118, abs=1)
        assert ettr(young(save, mtbf), save, mtbf, 600) == pytest.approx(0.842, abs=5e-4)

    def test_llama_3_with_fast_saves(self) -> None:
        """C = 5 s, R = 300 s."""
        save, mtbf = 5.0, 3.1 * HOUR
        assert young(save, mtbf) == pytest.approx(334, abs=1)
        assert ettr(young(save, mtbf), save, mtbf, 300) == pytest.approx(0.943, abs=5e-4)

    def test_opt(self) -> None:
        """C = 120 s, M = 12 h, R = 1800 s."""
        save, mtbf = 120.0, 12 * HOUR
        assert young(save, mtbf) == pytest.approx(3220, abs=1)
        assert ettr(young(save, mtbf), save, mtbf, 1800) == pytest.approx(0.884, abs=5e-4)


class TestEdges:
    def test_errors_that_show_late_set_the_shortest_interval(self) -> None:
        assert nvidia(5, 3.1 * HOUR, 300, detection_s=2000) == 2000

    def test_saving_longer_than_failing_leaves_the_mean_time_between_failures(self) -> None:
        assert daly(200, 100) == 100

    def test_without_failures_nobody_saves(self) -> None:
        assert young(10, math.inf) == daly(10, math.inf) == math.inf
        assert ettr(math.inf, 10, math.inf, 100) == 1.0

    def test_work_that_never_gets_to_a_checkpoint_is_useless(self) -> None:
        assert daly_ettr(10_000, 1, 10, 1) == 0.0

    def test_an_asynchronous_save_costs_its_age(self) -> None:
        assert ettr(1000, 1, 10_000, 100, unsaved_s=50) == pytest.approx(ettr(1000, 1, 10_000, 100) - 0.005)


seconds = st.floats(0.1, 300)
failing = st.floats(2_000, 1e7)


@given(seconds, failing, st.floats(0, 2000))
def test_dalys_interval_is_the_best_of_its_neighbours(save: float, mtbf: float, restart: float) -> None:
    """By the exact model, which the interval approximates: 10% to either side is no better, to a thousandth."""
    best = daly(save, mtbf)
    for factor in (0.9, 1.1):
        assert daly_ettr(best, save, mtbf, restart) >= daly_ettr(best * factor, save, mtbf, restart) - 1e-3


@given(seconds, failing, st.floats(0, 2000), st.floats(1, 1e5))
def test_more_failures_are_never_better(save: float, mtbf: float, restart: float, work: float) -> None:
    assert daly_ettr(work, save, mtbf / 2, restart) <= daly_ettr(work, save, mtbf, restart)
    assert ettr(work, save, mtbf / 2, restart) <= ettr(work, save, mtbf, restart)


@given(seconds, st.floats(0, 600), st.floats(10, 5000))
def test_both_models_agree_where_failures_are_rare(save: float, restart: float, work: float) -> None:
    assert daly_ettr(work, save, 1e8, restart) == pytest.approx(ettr(work, save, 1e8, restart), abs=1e-4)
