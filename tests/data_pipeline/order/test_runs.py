"""What holds for every run: any mixture, stages, caps, admissions, world size, number of workers and restarts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from data_pipeline.order import Admission, SampleOrder, Stage, forecast
from orchestrator.errors import DataError
from tests.data_pipeline.order.runs import CHUNK, length_of, runs

FINEST = 4  # the shortest sequences of these runs
often = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@often
@given(order=runs())
def test_no_token_comes_again_before_its_epoch_is_over_and_none_is_left_out(order: SampleOrder) -> None:
    indices = np.arange(length_of(order))
    source, epoch, start = order.locate(indices)
    lengths = order.lengths(indices)
    for each, chunks in enumerate(order.chunks.tolist()):
        own = source == each
        pieces = Counter(
            (of, piece)
            for of, first, length in zip(epoch[own].tolist(), start[own].tolist(), lengths[own].tolist(), strict=True)
            for piece in range(first // FINEST, (first + length) // FINEST)
        )
        assert max(pieces.values(), default=1) == 1
        given = Counter(of for of, _ in pieces)
        if order.samples is not None:  # whole stages were looked at, so whole chunks
            assert [given[of] for of in range(max(given, default=0))] == [chunks * CHUNK // FINEST] * max(given, default=0)
        cap = order.caps[each]
        if cap is not None:
            assert len(pieces) <= int(cap * chunks) * CHUNK // FINEST
        if each in order.dropped and order.dropped[each] <= len(indices):
            assert len(pieces) == int((cap or 0) * chunks) * CHUNK // FINEST
            assert not own[order.dropped[each] :].any()


@often
@given(order=runs(), data=some.data())
def test_find_is_locate_backwards(order: SampleOrder, data: some.DataObject) -> None:
    indices = np.arange(length_of(order))
    source, epoch, start = order.locate(indices)
    lengths = order.lengths(indices)
    each = data.draw(some.integers(0, len(order.names) - 1))
    begin = data.draw(some.integers(0, order.tokens_per_source[each] - 1))
    end = data.draw(some.integers(begin + 1, order.tokens_per_source[each]))
    found = order.find(each, begin, end, epochs=range(4))
    expected = np.flatnonzero((source == each) & (epoch < 4) & (start < end) & (start + lengths >= begin))
    assert found[found < len(indices)].tolist() == expected.tolist()


@often
@given(order=runs(), data=some.data())
def test_what_is_admitted_later_changes_nothing_that_came_before(order: SampleOrder, data: some.DataObject) -> None:
    kept = data.draw(some.integers(1, len(order.admissions)))
    earlier = replace(order, admissions=order.admissions[:kept])
    count = min(length_of(earlier), length_of(order))
    assert (np.stack(earlier.locate(np.arange(count))) == np.stack(order.locate(np.arange(count)))).all()
    if earlier.samples is not None and order.samples is not None:
        assert earlier.samples <= order.samples


@often
@given(order=runs(), data=some.data())
def test_a_stage_more_changes_nothing_that_came_before(order: SampleOrder, data: some.DataObject) -> None:
    kept = data.draw(some.integers(1, len(order.stages)))
    earlier = replace(order, stages=order.stages[:kept])
    count = min(length_of(earlier), length_of(order))
    assert (np.stack(earlier.locate(np.arange(count))) == np.stack(order.locate(np.arange(count)))).all()


@often
@given(
    order=runs(),
    world=some.integers(1, 64),
    later=some.integers(1, 64),
    workers=some.integers(0, 8),
    batch=some.integers(1, 40),
    stop=some.integers(0, 60),
)
def test_ranks_workers_and_restarts_see_one_sequence(
    order: SampleOrder, world: int, later: int, workers: int, batch: int, stop: int
) -> None:
    """Each rank takes its part of each batch, each worker every so many batches; the second run begins where the first stopped."""
    total = length_of(order) // batch * batch
    whole = np.stack(order.locate(np.arange(total)))
    seen = np.full_like(whole, -1)
    times = np.zeros(total, dtype=int)
    for ranks, first, last in ((world, 0, stop * batch), (later, stop * batch, total)):
        starts = range(first, min(last, total), batch)
        for rank in range(ranks):
            for worker in range(max(workers, 1)):
                own = [
                    index
                    for number, start in enumerate(starts)
                    if number % max(workers, 1) == worker
                    for index in range(start, min(start + batch, total))
                    if (index - start) % ranks == rank
                ]
                if own:
                    seen[:, own] = np.stack(order.locate(np.array(own)))
                    times[own] += 1
    assert (times == 1).all()
    assert (seen == whole).all()


@often
@given(order=runs(), data=some.data())
def test_the_forecast_is_what_comes(order: SampleOrder, data: some.DataObject) -> None:
    samples = data.draw(some.integers(0, length_of(order)))
    source = order.locate(np.arange(samples))[0]
    tokens = np.bincount(source, weights=order.lengths(np.arange(samples)), minlength=len(order.names))
    for each, told in enumerate(forecast(order, samples)):
        assert told.samples == (source == each).sum()
        assert told.tokens == tokens[each]
        chunks = int(order.chunks[each])
        assert told.epochs == pytest.approx(tokens[each] / (chunks * CHUNK) if chunks else 0)
        assert told.cap is None or told.epochs <= told.cap


@often
@given(order=runs(admissions=1))
def test_weights_are_met_to_a_chunk_wherever_a_stage_ends(order: SampleOrder) -> None:
    if order.dropped:
        return
    samples, ideal = 0, np.zeros(len(order.names))
    for stage in order.stages[:-1]:
        assert stage.samples is not None
        samples += stage.samples
        parts = CHUNK // stage.sequence_length
        ideal += stage.samples / parts * np.array(stage.weights) / sum(stage.weights)
        given = sum(
            (segment.given(np.array([segment.blocks_within(segment.samples // segment.parts)]))[0] for segment in order.segments if segment.samples is not None and segment.end is not None and segment.end <= samples),
            start=np.zeros(len(order.names), dtype=np.int64),
        )
        assert np.abs(given - ideal).max() < 1.01


MIXTURES = {
    "tenths": (0.7, 0.2, 0.1),
    "decimals": (0.30308, 0.17621, 0.13054, 0.10668, 0.13027, 0.15322),
    "rare": (1.0, 0.3, 1e-4, 1e-6),
    "five hundred": tuple(float(weight) for weight in np.random.default_rng(0).dirichlet(np.full(500, 0.4)) + 1e-8),
}


@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("lengths", [(16,), (4, 8, 16)])
def test_realised_weights_after_a_million_samples(name: str, lengths: tuple[int, ...]) -> None:
    """Within 0.1 % of all samples, and wherever a weight stands for 10,000 samples or more, within 0.1 % of itself."""
    weights = MIXTURES[name]
    each = 10**6 // len(lengths) // 4 * 4
    order = SampleOrder(
        admissions=(Admission(tokens=(10**7,) * len(weights), complete=(True,) * len(weights)),),
        stages=tuple(Stage(samples=each, weights=weights, sequence_length=length) for length in lengths),
        seed=1, fingerprint="f", names=tuple(str(number) for number in range(len(weights))), chunk=16,
    )  # fmt: skip
    shares = np.array([told.samples for told in forecast(order, each * len(lengths))]) / (each * len(lengths))
    asked = np.array(weights) / sum(weights)
    assert np.abs(shares - asked).max() < 1e-3
    assert (np.abs(shares - asked) / asked)[asked >= 0.01].max() < 1e-3


def test_a_rare_source_is_not_given_more_than_its_weight() -> None:
    """Rounded to one sample of every 65,536, a weight of 1e-7 was given 150 times as much as asked."""
    order = plain((1.0, 1e-7), (10**6, 10**6))
    assert forecast(order, 10**8)[1].samples == pytest.approx(10, abs=1)


def plain(weights: tuple[float, ...], tokens: tuple[int, ...], **more: object) -> SampleOrder:
    said: dict = {"sequence_length": 10, "seed": 7, "fingerprint": "f", "names": ("a", "b", "c")[: len(weights)]}
    return SampleOrder.plain(tokens_per_source=tokens, weights=weights, **{**said, **more})


def test_a_capped_source_leaves_its_share_to_the_others() -> None:
    order = plain((0.5, 0.25, 0.25), (101, 1001, 1001), caps=(2.0, None, None))
    source, epoch, _ = order.locate(np.arange(400))
    end = order.dropped[0]
    assert (source[:end] == 0).sum() == 20
    assert epoch[source == 0].max() == 1
    assert end == 40
    assert np.bincount(source[end:], minlength=3).tolist() == [0, 180, 180]


def test_when_all_are_capped_the_alarm_comes_before_the_run_and_at_the_sample() -> None:
    order = plain((0.5, 0.5), (101, 201), caps=(1.0, 1.0), names=("books", "web"))
    assert order.samples == 30
    assert sorted(np.bincount(order.locate(np.arange(30))[0]).tolist()) == [10, 20]
    said = r"every source of stage 1 has reached its cap after 30 samples \(chunks given: web 20, books 10\); raise max_epochs"
    with pytest.raises(DataError, match=said):
        forecast(order, 31)
    with pytest.raises(DataError, match=f"there is no sample 30: {said}"):
        order.locate(np.array([29, 30]))


def test_data_that_is_not_admitted_yet_is_waited_for() -> None:
    order = SampleOrder(
        admissions=(Admission(tokens=(101, 51), complete=(False, True)),),
        stages=(Stage(weights=(0.8, 0.2), sequence_length=10),), seed=1, fingerprint="f", names=("web", "books"),
    )  # fmt: skip
    assert order.samples == 12  # ten of web are eight tenths of twelve
    with pytest.raises(DataError, match="admitted so far gives 12 samples at these weights; source 'web' has given 10 of its 10 chunks; wait"):
        order.locate(np.array([12]))
    grown = replace(order, admissions=(*order.admissions, Admission(tokens=(201, 51), complete=(True, True))))
    assert grown.samples is None
    source, epoch, start = grown.locate(np.arange(12))
    assert sorted(start[source == 0].tolist()) == list(range(0, 100, 10))
    source, epoch, start = grown.locate(np.arange(12, 22))
    assert (epoch[source == 0] == 0).all()
    assert start[source == 0].min() >= 100


def test_a_small_source_that_is_complete_goes_on_to_its_next_epoch_while_others_stream() -> None:
    order = SampleOrder(
        admissions=(Admission(tokens=(1001, 31), complete=(False, True)),),
        stages=(Stage(weights=(0.5, 0.5), sequence_length=10),), seed=1, fingerprint="f", names=("web", "books"),
    )  # fmt: skip
    assert order.samples == 200
    source, epoch, _ = order.locate(np.arange(200))
    assert epoch[source == 1].max() == 33


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([(None, (1, 1), 10), (None, (1, 1), 10)], "stage 1 has no end, but 1 follow"),
        ([(10, (1, 1), 4), (None, (1, 1), 10)], "stage 1: sequence_length 4 does not divide 10, the longest of the run; use 5"),
        ([(11, (1, 1), 5), (None, (1, 1), 10)], "11 samples of 5 tokens; 2 of them make a chunk of 10, and chunks stay whole; use 10 or 12 samples"),
        ([(1, (1, 1), 5), (None, (1, 1), 10)], "use 2 samples"),
        ([(None, (1, 1, 1), 10)], "3 weights for 2 sources"),
        ([(10, (0, 0), 10)], "stage 1 gives weight to no source"),
        ([(None, (0, 0), 10)], "stage 1 gives weight to no source"),
        ([(None, (1, -1), 10)], "stage 1 gives source 2 the weight -1"),
    ],
)
def test_stages_that_cannot_be_are_refused(stages: list[tuple], message: str) -> None:
    with pytest.raises(DataError, match=message):
        SampleOrder(
            admissions=(Admission(tokens=(1001, 1001), complete=(True, True)),),
            stages=tuple(Stage(samples=samples, weights=weights, sequence_length=length) for samples, weights, length in stages),
            seed=1, fingerprint="f", names=("a", "b"),
        )  # fmt: skip


def test_a_cap_below_one_epoch_needs_the_whole_source() -> None:
    with pytest.raises(DataError, match=r"cap of source 'a' is 0\.5 epochs, but it is still being prepared"):
        SampleOrder(
            admissions=(Admission(tokens=(1001,), complete=(False,)), Admission(tokens=(2001,), complete=(True,))),
            stages=(Stage(weights=(1,), sequence_length=10),), seed=1, fingerprint="f", names=("a",), caps=(0.5,),
        )  # fmt: skip


def test_start_up_costs_what_sources_and_changes_cost_not_what_tokens_cost() -> None:
    """500 sources, 10**12 tokens, all capped: a few arrays of 500 numbers for each of the changes, and nothing per sample."""
    weights = MIXTURES["five hundred"]
    tokens = [int(weight * 10**12) + 3000 for weight in np.random.default_rng(1).permutation(weights)]
    order = SampleOrder.plain(
        tokens_per_source=tokens, weights=weights, sequence_length=2048, seed=1, fingerprint="f",
        names=[str(number) for number in range(500)], caps=[3.0] * 500,
    )  # fmt: skip
    assert order.samples is not None
    assert order.samples * 2048 == pytest.approx(3e12, rel=0.01)
    assert len(order.segments) <= 2 * 500
    held = sum(array.nbytes for segment in order.segments for array in (segment.whole, segment.fraction, segment.cursor))
    assert held < 15_000_000
    assert len(order.locate(np.array([0, order.samples - 1]))[0]) == 2
