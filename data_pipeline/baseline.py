"""The bigram that a trained network has to beat: the best one, smoothed in every usual way.

A falling loss proves little; a network that has learnt to use context beats every model that sees one
token back. To make the bar honest, the bigram is counted on all training tokens, and its smoothing and
hyper-parameters are the best on the validation tokens themselves, which favours the bigram.

    add-k               (c(a,b) + k) / (c(a) + k V)
    Jelinek-Mercer      l c(a,b)/c(a) + (1 - l) p(b)
    Witten-Bell, Dirichlet    the same with l = c(a) / (c(a) + m T(a)), or c(a) / (c(a) + m)
    absolute discount   max(c(a,b) - D, 0)/c(a) + D T(a)/c(a) p(b)
    Kneser-Ney          the same, where p(b) counts the contexts of b instead of b
    modified Kneser-Ney three discounts, for pairs seen once, twice, more often

c counts, T(a) is the number of different tokens after a, V the vocabulary. Source: Chen and Goodman,
"An Empirical Study of Smoothing Techniques for Language Modeling", 1998 (sections 2 and 3).
Losses are in nats per token. Pairs are counted sparsely, so V may be large.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

_CHUNK = 2**24
Array = np.ndarray[Any, np.dtype[Any]]
Range = tuple[float, float, bool]


@dataclass(frozen=True, kw_only=True)
class BigramCounts:
    """`pairs` int64[m], sorted, holds a * vocab_size + b of every pair seen; `counts` int64[m] how often."""

    vocab_size: int
    pairs: Array
    counts: Array
    unigrams: Array

    @cached_property
    def first(self) -> Array:
        return self.pairs // self.vocab_size

    @cached_property
    def contexts(self) -> Array:
        """int64[V]: c(a), how often each token was followed by another."""
        return self._sum(self.first, self.counts)

    @cached_property
    def distinct(self) -> Array:
        """int64[3, V]: different tokens after a that were seen once, twice, three or more times."""
        times = np.minimum(self.counts, 3)
        return np.stack([self._sum(self.first, times == n) for n in (1, 2, 3)])

    @cached_property
    def predecessors(self) -> Array:
        """int64[V]: different tokens seen before b."""
        return np.bincount(self.pairs % self.vocab_size, minlength=self.vocab_size)

    def _sum(self, keys: Array, values: Array) -> Array:
        return np.bincount(keys, weights=values, minlength=self.vocab_size).astype(np.int64)

    def of(self, first: Array, second: Array) -> Array:
        """c(a, b) of each given pair; int64[n]."""
        wanted = first.astype(np.int64) * self.vocab_size + second
        at = np.minimum(np.searchsorted(self.pairs, wanted), len(self.pairs) - 1)
        return np.where(self.pairs[at] == wanted, self.counts[at], 0)


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One smoothing at its best hyper-parameters; `loss` in nats per token."""

    name: str
    loss: float
    settings: tuple[tuple[str, float], ...]

    def __str__(self) -> str:
        settings = ", ".join(f"{name} {value:.4g}" for name, value in self.settings)
        return f"{self.name} ({settings})" if settings else self.name


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """All smoothings, best first. `tokens` is the number of predictions scored."""

    table: tuple[Scored, ...]
    tokens: int

    @property
    def loss(self) -> float:
        return self.table[0].loss

    @property
    def name(self) -> str:
        return str(self.table[0])


def count_bigrams(streams: Iterable[Array], vocab_size: int) -> BigramCounts:
    """Counts neighbours in token arrays: streams [tokens], or windows [n, s+1] whose rows do not touch."""
    pairs, counts = np.empty(0, np.int64), np.empty(0, np.int64)
    unigrams = np.zeros(vocab_size, np.int64)
    for stream in streams:
        rows = stream if stream.ndim == 2 else stream[None, :]
        step = max(1, _CHUNK // max(len(rows), 1))
        for start in range(0, max(rows.shape[1] - 1, 0), step):
            piece = rows[:, start : start + step + 1].astype(np.int64)
            unigrams += np.bincount(piece[:, 1:].ravel(), minlength=vocab_size)
            found, times = np.unique(piece[:, :-1] * vocab_size + piece[:, 1:], return_counts=True)
            pairs, counts = _merged(pairs, counts, found, times)
    if not len(pairs):
        raise ValueError("no pair of tokens to count: every stream is shorter than two tokens")
    return BigramCounts(vocab_size=vocab_size, pairs=pairs, counts=counts, unigrams=unigrams)


def best_bigram(streams: Iterable[Array], windows: Array, vocab_size: int) -> Baseline:
    """The best bigram counted on `streams`, scored on every next token of `windows`, int[n, s+1]."""
    counts = count_bigrams(streams, vocab_size)
    first, second = windows[:, :-1].ravel(), windows[:, 1:].ravel()
    pairs = _Pairs(counts, first, second)
    table = []
    for family in FAMILIES:
        values, loss = _minimise(partial(_loss, family, pairs), family.ranges)
        table.append(
            Scored(name=family.name, loss=loss, settings=tuple(zip(family.names, values, strict=True)))
        )
    return Baseline(table=tuple(sorted(table, key=lambda scored: scored.loss)), tokens=len(first))


class _Pairs:
    """Everything the formulas need about the pairs (a, b) being scored, as float64[n]."""

    def __init__(self, counts: BigramCounts, first: Array, second: Array) -> None:
        self.vocab_size = counts.vocab_size
        self.pair = counts.of(first, second).astype(np.float64)
        self.context = counts.contexts[first].astype(np.float64)
        self.distinct = counts.distinct[:, first].astype(np.float64)
        self.following = self.distinct.sum(axis=0)
        self._second = second
        self._unigrams = counts.unigrams
        self._predecessors = counts.predecessors

    def unigram(self, k: float) -> Array:
        """p(b) by adding k, V = vocabulary."""
        share: Array = (self._unigrams[self._second] + k) / (self._unigrams.sum() + k * self.vocab_size)
        return share

    def continuation(self, k: float) -> Array:
        """Kneser-Ney's p(b): the share of all different pairs that end in b, adding k."""
        total = self._predecessors.sum() + k * self.vocab_size
        share: Array = (self._predecessors[self._second] + k) / total
        return share

    def interpolated(self, seen: Array, rest: Array, lower: Array) -> Array:
        """seen + rest * lower; where a was never followed by anything, `lower` alone."""
        return np.where(self.context > 0, seen + rest * lower, lower)


@dataclass(frozen=True, kw_only=True)
class _Family:
    """A smoothing: its settings with (lowest, highest, on a logarithmic scale), and the formula."""

    name: str
    names: tuple[str, ...]
    ranges: tuple[Range, ...]
    model: Callable[[_Pairs, Sequence[float]], Array]


def _add_k(pairs: _Pairs, values: Sequence[float]) -> Array:
    (k,) = values
    return (pairs.pair + k) / (pairs.context + k * pairs.vocab_size)


def _unigram(pairs: _Pairs, values: Sequence[float]) -> Array:
    return pairs.unigram(values[0])


def _jelinek_mercer(pairs: _Pairs, values: Sequence[float]) -> Array:
    share, k = values
    seen = share * pairs.pair / np.maximum(pairs.context, 1)
    return pairs.interpolated(seen, np.full_like(seen, 1 - share), pairs.unigram(k))


def _shrinking(pairs: _Pairs, mass: Array | float, k: float) -> Array:
    total = pairs.context + mass
    safe = np.maximum(total, 1e-300)
    return pairs.interpolated(pairs.pair / safe, mass / safe, pairs.unigram(k))


def _witten_bell(pairs: _Pairs, values: Sequence[float]) -> Array:
    return _shrinking(pairs, values[0] * pairs.following, values[1])


def _dirichlet(pairs: _Pairs, values: Sequence[float]) -> Array:
    return _shrinking(pairs, values[0], values[1])


def _discounted(pairs: _Pairs, discounts: Sequence[float], lower: Array) -> Array:
    """Takes discounts[0], [1], [2] from pairs seen once, twice, more often; gives the rest to `lower`."""
    taken = np.array([0.0, *discounts])[np.minimum(pairs.pair, 3).astype(np.int64)]
    total = np.maximum(pairs.context, 1)
    rest = np.array(discounts) @ pairs.distinct / total
    return pairs.interpolated((pairs.pair - taken) / total, rest, lower)


def _absolute(pairs: _Pairs, values: Sequence[float]) -> Array:
    discount, k = values
    return _discounted(pairs, [discount] * 3, pairs.unigram(k))


def _kneser_ney(pairs: _Pairs, values: Sequence[float]) -> Array:
    discount, k = values
    return _discounted(pairs, [discount] * 3, pairs.continuation(k))


def _modified_kneser_ney(pairs: _Pairs, values: Sequence[float]) -> Array:
    return _discounted(pairs, values[:3], pairs.continuation(values[3]))


_K = (1e-6, 1e3, True)
_ONE = (1e-3, 1 - 1e-3, False)
FAMILIES = (
    _Family(name="unigram", names=("k",), ranges=(_K,), model=_unigram),
    _Family(name="add-k", names=("k",), ranges=(_K,), model=_add_k),
    _Family(name="Jelinek-Mercer", names=("lambda", "k"), ranges=(_ONE, _K), model=_jelinek_mercer),
    _Family(name="Witten-Bell", names=("m", "k"), ranges=((1e-3, 1e3, True), _K), model=_witten_bell),
    _Family(name="Dirichlet", names=("m", "k"), ranges=((1e-2, 1e5, True), _K), model=_dirichlet),
    _Family(name="absolute discounting", names=("D", "k"), ranges=(_ONE, _K), model=_absolute),
    _Family(name="Kneser-Ney", names=("D", "k"), ranges=(_ONE, _K), model=_kneser_ney),
    _Family(
        name="modified Kneser-Ney",
        names=("D1", "D2", "D3", "k"),
        ranges=(_ONE, (1e-3, 2 - 1e-3, False), (1e-3, 3 - 1e-3, False), _K),
        model=_modified_kneser_ney,
    ),
)


def _loss(family: _Family, pairs: _Pairs, values: Sequence[float]) -> float:
    return -float(np.log(family.model(pairs, values)).mean())


def _minimise(
    loss: Callable[[Sequence[float]], float], ranges: tuple[Range, ...]
) -> tuple[list[float], float]:
    """Coordinate descent by golden section; the losses are smooth and have one valley in each setting."""
    scales = [(math.log(low), math.log(high)) if log else (low, high) for low, high, log in ranges]
    point = [(low + high) / 2 for low, high in scales]

    def values(candidate: Sequence[float]) -> list[float]:
        return [math.exp(x) if log else x for x, (_, _, log) in zip(candidate, ranges, strict=True)]

    def along(axis: int, x: float) -> float:
        return loss(values([*point[:axis], x, *point[axis + 1 :]]))

    best = loss(values(point))
    for _ in range(12):
        before = best
        for axis, (low, high) in enumerate(scales):
            point[axis] = _golden(partial(along, axis), low, high)
        best = loss(values(point))
        if before - best < 1e-6:
            break
    return values(point), best


def _golden(function: Callable[[float], float], low: float, high: float) -> float:
    ratio = (math.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > 1e-3:
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = function(right)
    return (low + high) / 2


def _merged(pairs: Array, counts: Array, more: Array, times: Array) -> tuple[Array, Array]:
    if not len(pairs):
        return more, times
    both, at = np.unique(np.concatenate([pairs, more]), return_inverse=True)
    total = np.bincount(at, weights=np.concatenate([counts, times]), minlength=len(both))
    return both, total.astype(np.int64)
