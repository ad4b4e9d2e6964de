"""The same run on other numbers of devices."""

from __future__ import annotations

from itertools import pairwise

import pytest

from orchestrator.planning.render.scaling import scaling_of
from tests.planning.render.plans import shipped
from tests.plans import tiny_plan


def test_the_plans_own_point_is_the_plan() -> None:
    plan = shipped("bloom")
    for curve in (scaling_of(plan).strong, scaling_of(plan).weak):
        (point,) = (point for point in curve if point.devices == plan.world_size)
        assert (point.step_s, point.tokens_per_s, point.mfu) == pytest.approx((plan.time.step_s, plan.time.tokens_per_s, plan.time.mfu))


def test_strong_scaling_keeps_the_batch_and_weak_scaling_each_replicas_share() -> None:
    plan, found = shipped("bloom"), scaling_of(shipped("bloom"))
    assert {point.sequences for point in found.strong} == {2048}
    assert {point.sequences / point.devices for point in found.weak} == {2048 / 384}
    assert all(point.devices % (plan.world_size // plan.data) == 0 for point in (*found.strong, *found.weak))


def test_with_the_batch_kept_more_devices_are_faster_and_less_busy() -> None:
    """Pitfall of every layout sweep: fewer micro-batches per replica leave the pipeline idle."""
    points = scaling_of(shipped("bloom")).strong
    assert len(points) >= 4
    assert [p.devices for p in points] == sorted(p.devices for p in points)
    assert all(b.tokens_per_s > a.tokens_per_s and b.mfu < a.mfu for a, b in pairwise(points))


def test_one_node_without_a_network_is_not_scaled_beyond_itself() -> None:
    assert max(point.devices for point in scaling_of(shipped("llama-one-node")).weak) == 8


def test_one_process_is_one_point() -> None:
    found = scaling_of(tiny_plan())
    assert [point.devices for point in found.strong] == [1]
