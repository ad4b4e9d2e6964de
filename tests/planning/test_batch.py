"""Which samples a step takes. Oracles: a loop that counts, and Megatron-core's own calculator (a golden file)."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.planning.batch import BatchPlan, Lengths, segments_of
from orchestrator.planning.rules.lengths import problems_of_lengths
from orchestrator.spec.training import Batch, RampUp
from orchestrator.units import Amount
from tests.plans import tiny_plan

GOLDEN = json.loads(Path(__file__).with_name("golden").joinpath("ramp_up.json").read_text())["cases"]


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    start, step, increments = draw(st.integers(1, 40)), draw(st.integers(1, 20)), draw(st.integers(0, 12))
    samples = draw(st.integers(1, 3000))
    ramp = RampUp(start=start, step=step, samples=samples) if draw(st.booleans()) else None
    return Batch(sequences=start + step * increments, ramp_up=ramp)


def batch_plan(batch: Batch, *, sequence_length: int = 16) -> BatchPlan:
    return BatchPlan(segments=segments_of(batch), sequence_length=sequence_length, data=1, micro_batch=1)


def counted(batch: Batch, steps: int) -> list[tuple[int, int]]:
    """(first sample, sequences) of each step by Megatron-LM's documented rule, counting samples one step at a time.

    With k increments over n samples the batch is start + floor(consumed / (n / k)) x step, and full beyond n.
    """
    found, consumed = [], 0
    for _ in range(steps):
        ramp = batch.ramp_up
        size = batch.sequences
        if ramp and ramp.start < batch.sequences and consumed <= ramp.samples:
            increments = (batch.sequences - ramp.start) // ramp.step
            size = ramp.start + min(increments, consumed * increments // ramp.samples) * ramp.step
        found.append((consumed, size))
        consumed += size
    return found


@pytest.mark.parametrize("case", GOLDEN, ids=[case["name"] for case in GOLDEN])
def test_a_ramp_up_is_megatrons(case: dict[str, Any]) -> None:
    batch = Batch(sequences=case["sequences"], ramp_up=RampUp(start=case["start"], step=case["step"], samples=case["samples"]))
    ours = [[segment.first_step, segment.first_sample, segment.sequences] for segment in segments_of(batch)]
    assert ours == case["segments"]


@given(batches(), st.integers(0, 120))
def test_the_steps_of_each_size_are_what_counting_gives(batch: Batch, steps: int) -> None:
    assert batch_plan(batch).steps_by_size(steps) == Counter(size for _, size in counted(batch, steps))


@given(batches())
def test_every_step_is_what_counting_gives(batch: Batch) -> None:
    plan = batch_plan(batch)
    for step, (first, size) in enumerate(counted(batch, 120), start=1):
        assert (plan.at(step).first_sample, plan.at(step).sequences) == (first, size)


@given(batches(), st.integers(1, 500))
def test_steps_take_every_sample_once(batch: Batch, step: int) -> None:
    plan = batch_plan(batch)
    assert plan.at(step + 1).first_sample == plan.at(step).samples_after == plan.samples_after(step)


@given(batches(), st.integers(0, 10_000), st.sampled_from(["samples", "tokens"]))
def test_steps_for_is_the_first_step_that_has_consumed_the_amount(batch: Batch, value: int, unit: Any) -> None:
    plan = batch_plan(batch)
    steps = plan.steps_for(Amount(value, unit))
    consumed = plan.samples_after if unit == "samples" else plan.tokens_after
    assert consumed(steps) >= value
    assert steps == 0 or consumed(steps - 1) < value


def test_without_a_ramp_up_every_step_is_alike() -> None:
    plan = BatchPlan(segments=segments_of(Batch(sequences=12)), sequence_length=8, data=2, micro_batch=3)
    assert [plan.at(step).first_sample for step in (1, 2, 3)] == [0, 12, 24]
    assert plan.at(7).accumulation == 2
    assert plan.tokens_after(3) == 3 * 12 * 8
    assert plan.steps_for(Amount(9, "steps")) == 9


def test_a_step_is_found_without_counting() -> None:
    """366B tokens of BLOOM's ramp-up: the answer must not cost a walk over the steps."""
    bloom = Batch(sequences=2048, ramp_up=RampUp(start=192, step=16, samples=9_765_625))
    plan = batch_plan(bloom, sequence_length=2048)
    steps = plan.steps_for(Amount(366_000_000_000, "tokens"))
    assert len(plan.segments) == 117
    assert plan.tokens_after(steps - 1) < 366_000_000_000 <= plan.tokens_after(steps)


@pytest.mark.parametrize(("increments", "samples"), [(7, 295), (13, 27), (11, 122), (116, 9_765_625)])
def test_a_ramp_up_ends(increments: int, samples: int) -> None:
    """With boundaries in floats, 295 samples in 7 increments had one that rounded below itself: the segment
    was zero steps long and came again for ever."""
    found = segments_of(Batch(sequences=1 + increments, ramp_up=RampUp(start=1, step=1, samples=samples)))
    assert found[-1].sequences == 1 + increments
    assert all(later.first_step > earlier.first_step for earlier, later in itertools.pairwise(found))


GROWING = (
    Lengths(first_sample=0, sequence_length=4), Lengths(first_sample=24, sequence_length=8),
    Lengths(first_sample=60, sequence_length=16),
)  # fmt: skip


def growing(**ramp: int) -> BatchPlan:
    batch = Batch(sequences=12, ramp_up=RampUp(**ramp) if ramp else None)
    return BatchPlan(segments=segments_of(batch), sequence_length=16, data=1, micro_batch=1, lengths=GROWING)


@given(st.integers(0, 400))
def test_tokens_of_growing_sequences_are_what_counting_gives(tokens: int) -> None:
    plan = growing()
    lengths = [plan.length_of(sample) for sample in range(120)]
    assert lengths[:24] + lengths[24:60:35] + lengths[60:] == [4] * 24 + [8, 8] + [16] * 60
    assert [plan.tokens_before(sample) for sample in range(120)] == [sum(lengths[:sample]) for sample in range(120)]
    needed = next(samples for samples in range(200) if plan.tokens_before(samples) >= tokens)
    assert plan.samples_for(tokens) == needed
    assert plan.steps_for(Amount(tokens, "tokens")) == -(-needed // 12)


@given(st.integers(0, 60))
def test_every_sample_is_of_the_step_that_takes_it(step: int) -> None:
    plan = growing(start=4, step=4, samples=40)
    taken = plan.at(step + 1)
    for sample in range(taken.first_sample, taken.samples_after):
        assert plan.step_of(sample) == taken.step


def test_lengths_that_a_step_would_mix_or_ranks_cannot_share_are_refused() -> None:
    plan = tiny_plan(world_size=1)
    whole = replace(growing(), sequence_length=16)
    assert problems_of_lengths(whole, plan.layout) == []
    [mixed] = problems_of_lengths(replace(whole, lengths=(GROWING[0], replace(GROWING[2], first_sample=30))), plan.layout)
    assert "begin with sample 30, inside step 3 (samples 24 to 35)" in str(mixed)
    assert "end after 24 or 36 samples" in str(mixed)
    shared = replace(plan.layout, context=4)
    [unshared] = problems_of_lengths(whole, shared)
    assert "sequences of 4 tokens" in str(unshared)
    assert "8 must divide them" in str(unshared)
    [longest] = problems_of_lengths(replace(whole, sequence_length=32), plan.layout)
    assert "have 16 tokens, the run's 32" in str(longest)
