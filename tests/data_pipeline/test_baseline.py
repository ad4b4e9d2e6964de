"""The bigram is the best of its family, and every smoothing is a probability."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest

from data_pipeline.baseline import FAMILIES, _Pairs, best_bigram, count_bigrams

V = 7
STREAMS = [np.array([1, 2, 3, 1, 2, 4, 1, 2, 3, 3, 0, 5, 1, 2]), np.array([4, 4, 4, 1, 2, 3])]
SETTINGS = {1: (0.3,), 2: (0.6, 0.4), 4: (0.4, 0.9, 1.3, 0.2)}


def test_counts_are_those_of_a_loop() -> None:
    counted = count_bigrams(STREAMS, V)
    expected = Counter(pair for stream in STREAMS for pair in pairwise(stream.tolist()))
    found = {
        divmod(int(pair), V): int(times) for pair, times in zip(counted.pairs, counted.counts, strict=True)
    }
    assert found == expected
    assert counted.contexts.tolist() == [
        sum(n for (a, _), n in expected.items() if a == token) for token in range(V)
    ]
    assert counted.predecessors.tolist() == [sum(b == token for _, b in expected) for token in range(V)]


def test_chunks_and_windows_count_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = np.random.default_rng(0).integers(0, V, 101)
    whole = count_bigrams([stream], V)
    windows = np.stack(
        [stream[at : at + 11] for at in range(0, 100, 10)]
    )  # each starts with the last one's end
    monkeypatch.setattr("data_pipeline.baseline._CHUNK", 9)
    for other in (count_bigrams([stream], V), count_bigrams([windows], V)):
        assert (other.pairs == whole.pairs).all()
        assert (other.counts == whole.counts).all()
        assert (other.unigrams == whole.unigrams).all()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_smoothing_sums_to_one_after_every_token_seen_or_not(family: object) -> None:
    counts = count_bigrams(STREAMS, V)
    first, second = (grid.ravel() for grid in np.meshgrid(np.arange(V), np.arange(V), indexing="ij"))
    chances = family.model(_Pairs(counts, first, second), SETTINGS[len(family.names)])  # type: ignore[attr-defined]
    assert chances.min() > 0
    assert chances.reshape(V, V).sum(axis=1) == pytest.approx(np.ones(V))


def test_modified_kneser_ney_equals_a_brute_force_one() -> None:
    """Chen and Goodman 1998, equation 26, written with dictionaries."""
    d1, d2, d3, k = SETTINGS[4]
    times = Counter(pair for stream in STREAMS for pair in pairwise(stream.tolist()))
    after: dict[int, dict[int, int]] = defaultdict(dict)
    for (a, b), n in times.items():
        after[a][b] = n

    def continuation(b: int) -> float:
        return (sum(pair[1] == b for pair in times) + k) / (len(times) + k * V)

    def discount(n: int) -> float:
        return (0, d1, d2, d3)[min(n, 3)]

    def chance(a: int, b: int) -> float:
        if not after[a]:
            return continuation(b)
        total = sum(after[a].values())
        left = sum(discount(n) for n in after[a].values()) / total
        n = after[a].get(b, 0)
        return (n - discount(n)) / total + left * continuation(b)

    (family,) = [family for family in FAMILIES if family.name == "modified Kneser-Ney"]
    first, second = (grid.ravel() for grid in np.meshgrid(np.arange(V), np.arange(V), indexing="ij"))
    found = family.model(_Pairs(count_bigrams(STREAMS, V), first, second), SETTINGS[4])
    assert found == pytest.approx([chance(int(a), int(b)) for a, b in zip(first, second, strict=True)])


def source_of_pairs(size: int, seed: int) -> np.ndarray:
    """A Markov chain over 50 tokens whose entropy is known to be far below that of its unigrams."""
    chance = np.random.default_rng(seed)
    table = np.random.default_rng(0).dirichlet(np.full(50, 0.1), 50)
    tokens = [0]
    for draw in chance.random(size):
        tokens.append(min(int(np.searchsorted(np.cumsum(table[tokens[-1]]), draw)), 49))
    return np.array(tokens)


def test_the_best_bigram_comes_close_to_the_entropy_of_a_markov_chain() -> None:
    table = np.random.default_rng(0).dirichlet(np.full(50, 0.1), 50)
    held = source_of_pairs(4000, seed=2)
    truth = -np.log(table[held[:-1], held[1:]]).mean()
    best = best_bigram([source_of_pairs(40_000, seed=1)], held[None, :], 50)
    assert truth < best.loss < truth + 0.03
    assert best.tokens == 4000


def test_settings_are_the_best_on_the_tokens_scored() -> None:
    """No point of a grid is better than what the search found, for any smoothing of two settings or one."""
    counts_from = [source_of_pairs(1500, seed=1)]
    held = source_of_pairs(600, seed=2)[None, :]
    table = {scored.name: scored.loss for scored in best_bigram(counts_from, held, 50).table}
    pairs = _Pairs(count_bigrams(counts_from, 50), held[0, :-1], held[0, 1:])
    for family in (family for family in FAMILIES if len(family.names) <= 2):
        axes = [
            np.geomspace(low, high, 25) if log else np.linspace(low, high, 25)
            for low, high, log in family.ranges
        ]
        grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes)], axis=1)
        losses = [-np.log(family.model(pairs, values)).mean() for values in grid]
        assert table[family.name] <= min(losses) + 1e-4, family.name


def test_the_table_is_sorted_and_names_the_winner() -> None:
    best = best_bigram([source_of_pairs(3000, seed=1)], source_of_pairs(500, seed=2)[None, :], 50)
    losses = [scored.loss for scored in best.table]
    assert losses == sorted(losses)
    assert best.loss == losses[0]
    assert best.name.startswith(best.table[0].name)
    assert {scored.name for scored in best.table} == {family.name for family in FAMILIES}
    assert losses[0] < next(scored.loss for scored in best.table if scored.name == "unigram") < math.log(50)


def test_a_large_vocabulary_is_counted_sparsely() -> None:
    chance = np.random.default_rng(0)
    streams = [chance.integers(0, 65_000, 20_000).astype(np.uint16)]
    best = best_bigram(streams, streams[0][None, :2001], 65_000)
    assert 0 < best.loss < math.log(65_000)


def test_streams_without_a_pair_are_refused() -> None:
    with pytest.raises(ValueError, match="no pair of tokens"):
        count_bigrams([np.array([3])], V)
