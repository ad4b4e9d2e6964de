"""The simulated run: exact where nothing happens, Daly's model where that is exact, and never a second unaccounted for."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.planning.reliability.checkpoints import Save
from orchestrator.planning.reliability.conditions import (
    Conditions,
    Hazard,
    Pause,
    Planned,
    Recovery,
    Stragglers,
    switch_hazard,
)
from orchestrator.planning.reliability.intervals import DAY, daly, daly_ettr, job_mtbf
from orchestrator.planning.reliability.simulate import HOPELESS, simulate

HOUR = 3600.0


def node(rate: float, *, takes: int = 1, detect_s: float = 0.0) -> Hazard:
    return Hazard(name="node", component="node", per_1000_node_days=rate, takes=takes, detect_s=detect_s)


def run(**changes: Any) -> Conditions:
    """100 nodes for 30 days that nothing happens to, saving every 1000 s in 10 s; enough spare nodes for what is changed."""
    base = Conditions(
        nodes=100, work_s=30 * DAY, every_s=1000, save=Save(stall_s=10), recovery=Recovery(restart_s=600, spares=10_000)
    )
    return replace(base, **changes)


class TestWithoutFailures:
    def test_only_saving_costs(self) -> None:
        """1 - C / (tau + C), to the last digit that floats keep."""
        outcome = simulate(run()).runs[0]
        assert outcome.ettr == pytest.approx(1 - 10 / 1010, abs=1e-12)
        assert outcome.wall_s == pytest.approx(30 * DAY * 1.01)
        assert outcome.interruptions == 0

    def test_the_last_act_is_a_checkpoint(self) -> None:
        assert simulate(run(work_s=2500.0)).runs[0].wall_s == 2530

    def test_evaluations_are_counted(self) -> None:
        outcome = simulate(run(work_s=10_000.0, pauses=(Pause(name="evaluation", every_s=3000, lasts_s=60),))).runs[0]
        assert outcome.lost_s["evaluation"] == 180

    def test_planned_interruptions_lose_no_work(self) -> None:
        outcome = simulate(run(planned=Planned(every_s=DAY, lasts_s=HOUR))).runs[0]
        assert outcome.lost_s["lost work"] == 0
        assert outcome.planned in (31, 32)
        assert outcome.lost_s["planned"] == outcome.planned * HOUR

    def test_a_save_that_is_not_on_disk_when_the_next_is_due_holds_it_up(self) -> None:
        """tau = 100 s and 400 s to the disk: each save waits 300 s for the one before it."""
        outcome = simulate(run(work_s=1000.0, every_s=100, save=Save(stall_s=0, persist_s=400))).runs[0]
        assert outcome.lost_s["checkpoints"] == pytest.approx(9 * 300)


class TestAgainstDalysModel:
    """Failures without memory, always a spare node, no detection: the model is exact, the simulation a sample of it."""

    @pytest.mark.parametrize(
        ("nodes", "rate", "save", "restart"),
        [(48, 4.0, 40, 600), (2048, 3.8, 60, 600), (2048, 3.8, 5, 300), (12_500, 3.8, 60, 660), (1000, 16.0, 120, 1800)],
    )
    def test_they_agree_within_the_error_of_the_sample(self, nodes: int, rate: float, save: float, restart: float) -> None:
        mtbf = job_mtbf(rate, nodes)
        every = daly(save, mtbf)
        found = simulate(
            run(nodes=nodes, work_s=200 * mtbf, every_s=every, save=Save(stall_s=save), hazards=(node(rate),),
                recovery=Recovery(restart_s=restart, spares=10**6)), seeds=40,
        )  # fmt: skip
        assert abs(found.ettr.mean - daly_ettr(every, save, mtbf, restart)) < 4 * found.ettr.error
        assert found.ettr.error < 0.005

    def test_the_first_order_formula_is_too_dark_at_100_000_devices(self) -> None:
        """Known limit of 1 - C / (tau + C) - ((tau + C) / 2 + R) / M: 0.38 where the truth is 0.53."""
        assert daly_ettr(428, 60, 1819, 660) == pytest.approx(0.532, abs=0.001)


class TestFailures:
    def test_come_as_often_as_they_are_said_to(self) -> None:
        found = simulate(run(hazards=(node(10.0),), horizon_s=30 * DAY), seeds=20)
        assert found.interruptions.mean == pytest.approx(30, abs=4 * math.sqrt(30 / 20))

    def test_detection_costs_what_it_lasts(self) -> None:
        outcome = simulate(run(hazards=(node(10.0, detect_s=60),))).runs[0]
        assert outcome.lost_s["detection"] == pytest.approx(60 * outcome.interruptions, rel=0.05)

    def test_an_asynchronous_save_loses_more_work_and_stops_less(self) -> None:
        """The lost work grows by the age of what is on disk: 500 s more for each failure on average."""
        blocking = simulate(run(hazards=(node(20.0),)), seeds=20)
        behind = simulate(run(hazards=(node(20.0),), save=Save(stall_s=0, persist_s=500)), seeds=20)
        assert behind.lost()["checkpoints"] == pytest.approx(0, abs=1e-6)
        each = [sum(run.lost_s["lost work"] for run in found.runs) / sum(run.interruptions for run in found.runs) for found in (blocking, behind)]
        assert each[1] - each[0] == pytest.approx(500, abs=60)

    def test_checkpoints_that_do_not_load_cost_whole_intervals(self) -> None:
        """With p = 1/2, one interval more on average."""
        found = [simulate(run(hazards=(node(20.0),), unreadable=chance), seeds=20) for chance in (0.0, 0.5)]
        each = [sum(run.lost_s["lost work"] for run in one.runs) / sum(run.interruptions for run in one.runs) for one in found]
        assert each[1] - each[0] == pytest.approx(1000, abs=120)

    def test_a_run_that_loses_as_fast_as_it_works_is_given_up(self) -> None:
        outcome = simulate(run(work_s=DAY, every_s=DAY, hazards=(node(10_000.0),))).runs[0]
        assert not outcome.finished
        assert outcome.wall_s == HOPELESS * DAY

    def test_incidents_are_added(self) -> None:
        outcome = simulate(run(incidents_s=(7.3 * HOUR, 18 * HOUR))).runs[0]
        assert outcome.lost_s["incidents"] == pytest.approx(25.3 * HOUR)

    def test_an_incident_in_the_middle_of_a_pause_leaves_the_rest_of_it(self) -> None:
        """The end of a pause was a time on the clock, which an incident passed by: the pause lasted less than nothing."""
        pause = Pause(name="evaluation", every_s=1000, lasts_s=3000)
        for outcome in simulate(run(work_s=10_000.0, pauses=(pause,), incidents_s=(HOUR,) * 5), seeds=20).runs:
            assert outcome.lost_s["evaluation"] == pytest.approx(9 * 3000)


class TestNodes:
    def test_without_spares_it_waits_for_the_repair(self) -> None:
        outcome = simulate(run(hazards=(node(1.0),), recovery=Recovery(restart_s=600, repair_s=HOUR))).runs[0]
        assert outcome.interruptions > 0
        assert outcome.lost_s["waiting for nodes"] == pytest.approx(HOUR * outcome.interruptions)

    def test_with_a_smaller_legal_size_it_goes_on_and_grows_again(self) -> None:
        waits = Recovery(restart_s=600, repair_s=DAY)
        goes_on = simulate(run(hazards=(node(1.0),), recovery=replace(waits, sizes=(50, 75))), seeds=10)
        assert goes_on.lost()["waiting for nodes"] == 0
        assert 0 < goes_on.lost()["fewer nodes"] < 0.25
        assert goes_on.ettr.mean > simulate(run(hazards=(node(1.0),), recovery=waits), seeds=10).ettr.mean

    def test_software_takes_no_node(self) -> None:
        outcome = simulate(run(hazards=(node(10.0, takes=0),), recovery=Recovery(restart_s=600))).runs[0]
        assert outcome.lost_s["waiting for nodes"] == 0

    def test_a_switch_takes_all_that_is_behind_it(self) -> None:
        """15 spare nodes are one too few for a switch of 16."""
        switch = switch_hazard(per_1000_switch_days=20.0, nodes_behind=16, detect_s=0)
        few, enough = (
            simulate(run(hazards=(switch,), recovery=Recovery(restart_s=600, spares=count, repair_s=DAY / 2))).runs[0] for count in (15, 48)
        )
        assert few.lost_s["waiting for nodes"] == pytest.approx(few.interruptions * DAY / 2, rel=0.3)
        assert enough.lost_s["waiting for nodes"] == 0

    def test_cold_spares_take_their_time(self) -> None:
        outcome = simulate(run(hazards=(node(10.0),), recovery=Recovery(restart_s=600, spares=1000, fetch_s=300))).runs[0]
        assert outcome.lost_s["waiting for nodes"] == pytest.approx(300 * outcome.interruptions, rel=0.1)

    def test_a_node_lost_while_a_spare_comes_up_is_replaced_too(self) -> None:
        """The run went on with 99 of 100 nodes, which is no legal size, when a second node fell during the fetch."""
        often = run(work_s=5 * DAY, hazards=(node(200.0),), recovery=Recovery(restart_s=10, spares=10**5, fetch_s=2 * HOUR))
        assert simulate(often, seeds=3).lost()["fewer nodes"] == 0

    def test_a_straggler_slows_all_until_it_is_found(self) -> None:
        """Always one: the whole run at 95%."""
        always = Stragglers(per_1000_node_days=1e4, slowdown=0.05, found_s=1e9)
        outcome = simulate(run(stragglers=always)).runs[0]
        assert outcome.lost_s["stragglers"] / (outcome.useful_s + outcome.lost_s["stragglers"]) == pytest.approx(0.05, abs=1e-3)

    def test_a_straggler_that_is_found_is_exchanged(self) -> None:
        outcome = simulate(run(stragglers=Stragglers(per_1000_node_days=1.0, slowdown=0.05, found_s=HOUR))).runs[0]
        assert outcome.lost_s["restarts"] > 0
        assert outcome.lost_s["lost work"] == 0


@st.composite
def conditions(draw: st.DrawFn) -> Conditions:
    """Anything a run may meet, at once."""
    number = draw(st.sampled_from([1, 7, 48, 500]))
    maybe = st.booleans()
    hazards = [node(draw(st.floats(0.01, 100)), takes=draw(st.integers(0, 3)), detect_s=draw(st.floats(0, 900)))]
    if draw(maybe):
        hazards.append(switch_hazard(per_1000_switch_days=draw(st.floats(0.1, 50)), nodes_behind=8, detect_s=30))
    return Conditions(
        nodes=number, work_s=draw(st.floats(1000, 30 * DAY)), every_s=draw(st.floats(60, 20_000)),
        save=Save(stall_s=draw(st.floats(0, 100)), persist_s=draw(st.sampled_from([0.0, 50.0, 5000.0]))),
        hazards=tuple(hazards),
        recovery=Recovery(
            restart_s=draw(st.floats(0, 2000)), spares=draw(st.integers(0, 20)), fetch_s=draw(st.sampled_from([0.0, 300.0])),
            repair_s=draw(st.floats(100, 3 * DAY)), sizes=draw(st.sampled_from([(), (number // 2,) if number > 1 else ()])),
        ),
        stragglers=Stragglers(per_1000_node_days=5, slowdown=0.1, found_s=HOUR) if draw(maybe) else None,
        pauses=(Pause(name="evaluation", every_s=7000, lasts_s=100),) if draw(maybe) else (),
        planned=Planned(every_s=3 * DAY, lasts_s=HOUR) if draw(maybe) else None,
        incidents_s=(HOUR, DAY) if draw(maybe) else (),
        unreadable=draw(st.sampled_from([0.0, 0.2])),
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(conditions(), st.integers(0, 2**20))
def test_time_by_cause_adds_up_and_a_seed_is_a_run(of: Conditions, seed: int) -> None:
    outcome, again = simulate(of, 1, seed).runs[0], simulate(of, 1, seed).runs[0]
    assert outcome == again
    assert outcome.useful_s + sum(outcome.lost_s.values()) == pytest.approx(outcome.wall_s, rel=1e-9)
    assert min(outcome.lost_s.values()) >= -1e-6
    assert 0 <= outcome.ettr <= 1
    assert outcome.finished == (outcome.useful_s >= of.work_s)


@pytest.mark.parametrize("few", [1.0, 4.0, 16.0])
def test_more_failures_less_useful_time(few: float) -> None:
    """Beyond the error of the sample."""
    rare, often = (simulate(run(hazards=(node(rate, detect_s=60),)), seeds=30).ettr for rate in (few, 2 * few))
    assert often.mean + 2 * often.error < rare.mean - 2 * rare.error


def test_100_000_devices_for_months() -> None:
    """12,500 nodes for 100 days: more than 5000 failures."""
    many = run(nodes=12_500, work_s=100 * DAY, every_s=300, hazards=(node(3.8, detect_s=60),))
    assert simulate(many).runs[0].interruptions > 4000
