"""The length and the cost of a run: its steps, each at its own batch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.planning.flops import flops_per_token
from orchestrator.planning.time import CONVENTION, time_of
from orchestrator.planning.timing import step_time
from tests.planning.render.plans import shipped


def test_a_ramp_ups_steps_take_what_steps_of_their_batch_take() -> None:
    """BLOOM's 12,658 steps of fewer than 2,048 sequences (train/tr11-176B-ml): counted segment by segment."""
    plan = shipped("bloom")
    ends = [*(segment.first_step for segment in plan.batch.segments[1:]), plan.total_steps + 1]
    summed, tokens = 0.0, 0
    for segment, end in zip(plan.batch.segments, ends, strict=True):
        work, steps = replace(plan.work, sequences=segment.sequences), end - segment.first_step
        summed += steps * step_time(work, plan.hardware).total
        tokens += steps * work.tokens
    assert tokens == plan.batch.tokens_after(plan.total_steps)
    assert plan.time.total_s == pytest.approx(summed, rel=1e-9)
    assert plan.time.total_s > plan.time.step_s * tokens / plan.work.tokens  # small steps have larger bubbles


def test_equal_steps_take_as_many_times_one() -> None:
    plan = shipped("llama-one-node")
    assert plan.time.total_s == pytest.approx(plan.total_steps * plan.time.step_s)


def test_every_device_costs_its_price_for_all_of_it() -> None:
    plan = shipped("bloom")
    time = time_of(plan.work, plan.hardware, steps={192: 3, 2048: 1}, price=2.0)
    small = step_time(replace(plan.work, sequences=192), plan.hardware).total
    assert time.total_s == pytest.approx(3 * small + time.step_s)
    assert time.cost == pytest.approx(2.0 * 384 * time.total_s / 3600)


@pytest.mark.parametrize("name", ["bloom", "mixtral"])
def test_the_plan_counts_flops_by_the_convention_that_it_names(name: str) -> None:
    """metrics.jsonl's `mfu` and `tflops_per_device` are made of `plan.flops_per_token` too (training/callbacks/metrics.py)."""
    plan = shipped(name)
    told = plan.as_dict()
    assert told["flops_convention"] == CONVENTION
    assert told["flops_per_token"] == plan.flops_per_token == flops_per_token(plan.architecture, plan.sequence_length, CONVENTION)
    assert plan.time.mfu == pytest.approx(plan.flops_per_token * plan.time.tokens_per_s / (plan.world_size * plan.peak_flops))
