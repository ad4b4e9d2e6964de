"""The learning rate of each step. Oracle: `transformers.optimization`.

Its schedules count steps from 0, so that the first step is taken with a rate of zero and the last one above the
floor. Ours count from 1: step k is taken with what transformers gives for its step k, the first step already
moves, and the last one stands on the floor. Its cosine with a floor and a warm-up rate counts from 1 as ours does.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.planning.batch import BatchPlan, segments_of
from orchestrator.planning.schedule import LrSchedule, resolve_schedule
from orchestrator.spec.training import Batch, RampUp, Schedule

PEAK, STEPS, WARMUP, DECAY = 3e-3, 200, 20, 30


def schedule(*, steps: int = STEPS, batch: Batch | None = None, peak: float = PEAK, **said: Any) -> LrSchedule:
    plan = BatchPlan(segments=segments_of(batch or Batch(sequences=8)), sequence_length=16, data=1, micro_batch=1)
    return resolve_schedule(Schedule.model_validate(said), peak, plan, steps)


def transformers_rate(name: str, **arguments: Any) -> Any:
    """Its factor of the peak at a step counted from 0."""
    torch = pytest.importorskip("torch")
    optimization = pytest.importorskip("transformers.optimization")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    return getattr(optimization, name)(optimizer, **arguments).lr_lambdas[0]


ORACLES = {
    "cosine to zero": ({"name": "cosine", "warmup": WARMUP}, "get_cosine_schedule_with_warmup",
                       {"num_warmup_steps": WARMUP, "num_training_steps": STEPS}, 0),
    "cosine to a tenth": ({"name": "cosine", "warmup": WARMUP, "min_lr": PEAK / 10}, "get_cosine_with_min_lr_schedule_with_warmup",
                          {"num_warmup_steps": WARMUP, "num_training_steps": STEPS, "min_lr_rate": 0.1}, 0),
    "cosine to a tenth, counted from 1": (
        {"name": "cosine", "warmup": WARMUP, "min_lr": PEAK / 10}, "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
        {"num_warmup_steps": WARMUP, "num_training_steps": STEPS, "min_lr_rate": 0.1}, 1),
    "linear": ({"name": "linear", "warmup": WARMUP}, "get_linear_schedule_with_warmup",
               {"num_warmup_steps": WARMUP, "num_training_steps": STEPS}, 0),
    "inverse square root": ({"name": "inverse_sqrt", "warmup": WARMUP}, "get_inverse_sqrt_schedule", {"num_warmup_steps": WARMUP}, 0),
    "warm-up, stable, decay": ({"name": "wsd", "warmup": WARMUP, "decay": DECAY}, "get_wsd_schedule",
                               {"num_warmup_steps": WARMUP, "num_training_steps": STEPS, "num_decay_steps": DECAY, "decay_type": "linear"}, 0),
    "constant": ({"name": "constant", "warmup": WARMUP}, "get_constant_schedule_with_warmup", {"num_warmup_steps": WARMUP}, 0),
}  # fmt: skip


@pytest.mark.parametrize("case", ORACLES)
def test_every_step_is_transformers(case: str) -> None:
    said, name, arguments, offset = ORACLES[case]
    ours, theirs = schedule(**said), transformers_rate(name, **arguments)
    for step in range(1, STEPS + 1):
        assert ours.lr(step) == pytest.approx(PEAK * theirs(step - offset), rel=1e-12, abs=1e-15)


def test_the_first_step_moves_and_the_last_stands_on_the_floor() -> None:
    said = schedule(name="cosine", warmup=WARMUP, min_lr=PEAK / 10)
    assert said.lr(1) == pytest.approx(PEAK / WARMUP)
    assert said.lr(WARMUP) == PEAK
    assert said.lr(STEPS) == pytest.approx(PEAK / 10)


def test_a_wsd_schedule_decays_over_the_last_tenth_unless_told() -> None:
    said = schedule(name="wsd")
    assert (said.decay_start, said.decay_end) == (180, 200)


def test_a_decay_that_ends_before_the_run_stays_on_the_floor() -> None:
    said = schedule(name="linear", decay="100 steps", min_lr=1e-4)
    assert said.lr(100) == said.lr(150) == said.lr(STEPS) == pytest.approx(1e-4)


def test_a_trial_shorter_than_its_warm_up_only_warms_up() -> None:
    """`SET="training.steps=20"` on any page is legal; its last step has not reached the peak."""
    said = schedule(steps=5, name="cosine", warmup=WARMUP)
    assert [said.lr(step) for step in range(1, 6)] == pytest.approx([PEAK * step / WARMUP for step in range(1, 6)])


def test_lengths_in_tokens_keep_their_shape_while_the_batch_ramps_up() -> None:
    """BLOOM's case: warm-up of 375M tokens under a ramp-up. Progress is samples consumed, not steps taken."""
    ramp = Batch(sequences=64, ramp_up=RampUp(start=8, step=8, samples=2000))
    said = schedule(batch=ramp, name="linear", warmup="8000 tokens", steps=100)
    assert (said.unit, said.warmup) == ("samples", 500)
    assert said.lr(1) == pytest.approx(PEAK * 8 / 500)
    first = next(step for step in range(1, 100) if said.batch.samples_after(step) >= 500)
    assert said.lr(first - 1) < PEAK
    assert said.lr(first) == pytest.approx(PEAK, rel=0.01)
    assert said.lr(100) == 0.0


def test_tokens_and_steps_agree_without_a_ramp_up() -> None:
    steps = schedule(name="cosine", warmup="20 steps", decay="150 steps", min_lr=1e-5)
    tokens = schedule(name="cosine", warmup=f"{20 * 8 * 16} tokens", decay=f"{150 * 8 * 16} tokens", min_lr=1e-5)
    assert [steps.lr(step) for step in range(1, STEPS)] == pytest.approx([tokens.lr(step) for step in range(1, STEPS)])


NAMES = st.sampled_from(["constant", "cosine", "linear", "inverse_sqrt", "wsd"])


@given(NAMES, st.integers(0, 50), st.integers(1, 300), st.floats(0, 1))
def test_a_rate_lies_between_the_floor_and_the_peak_once_warm(name: str, warmup: int, steps: int, floor: float) -> None:
    said = schedule(name=name, warmup=warmup, steps=steps, min_lr=PEAK * floor)
    rates = [said.lr(step) for step in range(1, steps + 1)]
    assert all(0 <= rate <= PEAK * (1 + 1e-12) for rate in rates)
    assert all(rate >= PEAK * floor * (1 - 1e-12) for rate in rates[max(0, warmup - 1) :])
    cooling = rates[max(0, warmup - 1) :]
    assert all(later <= earlier * (1 + 1e-12) for earlier, later in itertools.pairwise(cooling))


@functools.cache
def page_names() -> tuple[str, ...]:
    return tuple(Schedule.model_json_schema()["properties"]["name"]["enum"])


def test_every_schedule_of_the_page_has_an_oracle() -> None:
    assert {said["name"] for said, *_ in ORACLES.values()} == set(page_names())
