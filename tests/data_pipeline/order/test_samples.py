"""The order of samples is a pure function of (fingerprint, seed, index), and a fair one."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from data_pipeline.order import SampleOrder, validation_windows
from data_pipeline.order.shares import LARGEST_BLOCK, block_of, whole_numbers
from orchestrator.errors import DataError


def order(**changes: object) -> SampleOrder:
    said: dict = {
        "tokens_per_source": (1001, 501, 171),
        "weights": (0.5, 0.3, 0.2),
        "sequence_length": 10,
        "seed": 7,
        "fingerprint": "f" * 64,
    }
    return SampleOrder.plain(**{**said, **changes})


def test_the_order_never_changes_silently() -> None:
    """Golden values: if this fails, every run that is continued would see other samples."""
    source, epoch, start = order().locate(np.arange(12))
    assert source.tolist() == GOLDEN_SOURCES
    assert epoch.tolist() == [0] * 12
    assert start.tolist() == GOLDEN_STARTS
    source, epoch, start = order().locate(np.array([10**12]))
    assert (source.item(), epoch.item(), start.item()) == GOLDEN_FAR
    source, start = held_out(6)
    assert list(zip(source.tolist(), start.tolist(), strict=True)) == GOLDEN_VALIDATION


GOLDEN_SOURCES = [2, 1, 0, 0, 1, 1, 2, 0, 0, 0, 1, 0]
GOLDEN_STARTS = [50, 90, 480, 780, 330, 260, 70, 560, 770, 30, 430, 430]
GOLDEN_FAR = (1, 6000000000, 330)
GOLDEN_VALIDATION = [(0, 30), (1, 30), (0, 70), (0, 10), (1, 40), (0, 80)]


@settings(max_examples=30, deadline=None)
@given(
    sources=some.lists(some.tuples(some.integers(12, 400), some.integers(1, 9)), min_size=1, max_size=4),
    seed=some.integers(0, 2**32),
)
def test_every_epoch_of_every_source_sees_every_window_once(
    sources: list[tuple[int, int]], seed: int
) -> None:
    tokens, weights = zip(*sources, strict=True)
    shuffled = order(tokens_per_source=tokens, weights=weights, seed=seed)
    block = sum(shares_of(*weights))
    located = shuffled.locate(
        np.arange(600 // block * block)
    )  # epochs may meet inside a block
    for each, size in enumerate(shuffled.chunks.tolist()):
        seen = Counter(zip(*(column[located[0] == each].tolist() for column in located[1:]), strict=True))
        complete = int((located[0] == each).sum()) // size
        expected = {(epoch, 10 * window): 1 for epoch in range(complete) for window in range(size)}
        assert {place: times for place, times in seen.items() if place[0] < complete} == expected


def test_every_token_but_the_first_is_predicted_once_in_an_epoch() -> None:
    source, epoch, start = order().locate(np.arange(400))
    starts = start[(source == 0) & (epoch == 0)]
    assert sorted(token for first in starts for token in range(first + 1, first + 11)) == list(range(1, 1001))


@pytest.mark.parametrize("weights", [(0.5, 0.3, 0.2), (7, 2, 1), (0.125, 0.125, 0.75), (1 / 3, 1 / 3, 1 / 3)])
def test_weights_are_exact_in_every_block(weights: tuple[float, ...]) -> None:
    blended = order(weights=weights)
    source, _, _ = blended.locate(np.arange(50 * sum(shares_of(*weights))))
    for block in source.reshape(50, sum(shares_of(*weights))):
        shares = np.bincount(block, minlength=3) / sum(shares_of(*weights))
        assert shares == pytest.approx(np.array(weights) / sum(weights), abs=1e-12)


def test_blocks_differ_in_their_order() -> None:
    source, _, _ = order().locate(np.arange(1000))
    assert len({tuple(block) for block in source.reshape(100, 10)}) > 90


def shares_of(*weights: float) -> list[int]:
    size, whole, fraction = block_of(whole_numbers(weights), 1, sources=len(weights))
    assert not any(fraction)
    assert sum(whole) == size
    return whole


@pytest.mark.parametrize(
    ("weights", "slots"),
    [
        ((1.0,), [1]),
        ((0.7, 0.2, 0.1), [7, 2, 1]),
        ((2.0, 4.0), [1, 2]),
        ((1e-3, 0.999), [1, 999]),
    ],
)
def test_a_block_is_the_smallest_that_is_exact(weights: tuple[float, ...], slots: list[int]) -> None:
    assert shares_of(*weights) == slots


def test_shares_that_need_too_large_a_block_are_rounded() -> None:
    weights = (1_234_567.0, 7_654_321.0, 1_111_113.0)
    slots = shares_of(*weights)
    assert sum(slots) == LARGEST_BLOCK
    for share, weight in zip(slots, weights, strict=True):
        assert abs(share / LARGEST_BLOCK - weight / sum(weights)) < 1 / LARGEST_BLOCK


def test_shares_that_rounding_would_distort_are_fractions_of_a_block() -> None:
    size, whole, fraction = block_of(whole_numbers((1e-9, 1.0)), 1, sources=2)
    shares = (np.array(whole) + np.array(fraction) / 2**32) / size
    assert whole == [0, 8191]
    assert shares == pytest.approx([1e-9, 1 - 1e-9], rel=1e-4)


@settings(max_examples=30, deadline=None)
@given(world=some.sampled_from([1, 2, 3, 8]), chance=some.randoms())
def test_ranks_and_slices_see_the_same_order(world: int, chance: object) -> None:
    whole = np.stack(order().locate(np.arange(240)))
    indices = np.arange(240)
    chance.shuffle(indices)  # type: ignore[attr-defined]
    for rank in range(world):
        own = indices[rank::world]
        assert (np.stack(order().locate(own)) == whole[:, own]).all()


def test_extending_a_run_changes_nothing_before() -> None:
    """Megatron-LM reshuffles from sample 0 when asked for one sample more than an epoch."""
    short, long = np.arange(90), np.arange(5000)
    assert (np.stack(order().locate(short)) == np.stack(order().locate(long))[:, :90]).all()


@pytest.mark.parametrize("change", [{"seed": 8}, {"fingerprint": "e" * 64}])
def test_seed_and_data_change_the_order(change: dict) -> None:
    ours, other = order().locate(np.arange(200)), order(**change).locate(np.arange(200))
    assert (ours[2] != other[2]).mean() > 0.8


def test_epochs_and_sources_have_orders_of_their_own() -> None:
    alike = order(tokens_per_source=(1001, 1001), weights=(1, 1))
    source, epoch, start = alike.locate(np.arange(400))
    runs = [start[(source == s) & (epoch == e)].tolist() for s in (0, 1) for e in (0, 1)]
    assert len({tuple(run) for run in runs}) == 4


def test_a_source_shorter_than_a_sample_is_refused_with_the_numbers() -> None:
    with pytest.raises(DataError, match="'tiny' has 10 training tokens, but one sample takes 11"):
        order(tokens_per_source=(1001, 501, 10), names=("a", "b", "tiny"))


def held_out(samples: int, tokens: tuple[int, ...] = (101, 51, 9)) -> tuple[np.ndarray, np.ndarray]:
    return validation_windows(
        tokens_per_source=tokens,
        weights=(0.5, 0.3, 0.2),
        sequence_length=10,
        samples=samples,
        fingerprint="f" * 64,
    )


def test_held_out_windows_never_overlap_and_more_only_add_to_fewer() -> None:
    source, start = held_out(100)
    assert Counter(source.tolist()) == {0: 10, 1: 5}  # all there are; the third source is too short
    assert len(set(zip(source.tolist(), start.tolist(), strict=True))) == 15
    fewer = held_out(6)
    assert (np.stack(fewer) == np.stack((source, start))[:, :6]).all()


def test_held_out_sources_take_turns_by_weight() -> None:
    source, _ = held_out(100, (10_001, 10_001, 10_001))
    assert np.bincount(source).tolist() == [50, 30, 20]


def test_nothing_to_hold_out_is_an_error_with_the_numbers() -> None:
    with pytest.raises(DataError, match="more than 10 held-out tokens, and one sample takes 11"):
        held_out(1, (10, 3, 0))
