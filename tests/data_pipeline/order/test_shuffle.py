"""Computed permutations: each is one, is undone, is even, and does not depend on what else is asked in the same call."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from data_pipeline.order.shuffle import keys_of, permute, unpermute


@settings(max_examples=60, deadline=None)
@given(size=some.integers(1, 3000), key=some.integers(0, 2**64 - 1))
def test_one_key_gives_a_permutation_and_its_inverse(size: int, key: int) -> None:
    keys = np.full(size, key, dtype=np.uint64)
    there = permute(np.arange(size), size, keys)
    assert sorted(there) == list(range(size))
    assert (unpermute(there, size, keys) == np.arange(size)).all()


@settings(max_examples=40, deadline=None)
@given(asked=some.lists(some.tuples(some.integers(1, 2**50), some.integers(0, 2**64 - 1), some.floats(0, 0.999)), min_size=1, max_size=40))
def test_one_call_for_many_sizes_is_many_calls(asked: list[tuple[int, int, float]]) -> None:
    sizes = np.array([size for size, _, _ in asked])
    keys = np.array([key for _, key, _ in asked], dtype=np.uint64)
    places = np.array([int(size * part) for size, _, part in asked])
    together = permute(places, sizes, keys)
    alone = [permute(places[n : n + 1], int(sizes[n]), keys[n : n + 1])[0] for n in range(len(asked))]
    assert together.tolist() == alone
    assert (together < sizes).all()
    assert (unpermute(together, sizes, keys) == places).all()


@pytest.mark.parametrize("size", [3, 4, 40])
def test_permutations_are_drawn_evenly(size: int) -> None:
    """Each place goes everywhere equally often over many keys (chi-squared, far tail)."""
    draws = 20_000
    keys = keys_of(11, np.arange(draws), domain=1)
    for place in (0, size // 2):
        seen = np.bincount(permute(np.full(draws, place), size, keys), minlength=size)
        chi_squared = float(((seen - draws / size) ** 2 / (draws / size)).sum())
        assert chi_squared < size + 6 * (2 * size) ** 0.5


def test_neighbours_do_not_stay_neighbours() -> None:
    places = permute(np.arange(100_000), 100_000, np.full(100_000, 3, dtype=np.uint64))
    assert abs(np.corrcoef(np.arange(100_000), places)[0, 1]) < 0.02
    assert (np.abs(np.diff(places)) == 1).mean() < 0.001
