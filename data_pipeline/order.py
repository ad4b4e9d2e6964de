"""Which tokens training sample number i holds, worked out from i alone.

Trainers usually shuffle by building an index, or keep a buffer and a generator; then the order depends
on how many samples were asked for, on the number of workers, or on state that a restart loses
(Megatron-LM reshuffles from sample 0 when a run is extended; a shuffle buffer repeats and drops rows on
resume). Here the order is a closed formula of (data fingerprint, seed, i): nothing to build, nothing
to save but one integer, the same for any number of ranks and workers, and O(1) at i = 10**12.

    i ── block b = i // B, place p = i % B         a block holds B samples, `slots[s]` of source s
    q = shuffle(p; key of block b)                 a permutation of the B places of this block
    s = the source whose slots contain q           so the weights are met exactly in every block
    r = b * slots[s] + (q - first slot of s)       rank of this sample among those of source s
    epoch, place = divmod(r, windows[s])           each epoch sees every window of the source once;
                                                   two epochs of a source may meet inside a block
    window = shuffle(place; key of (s, epoch))     in an order of its own

A window is `sequence_length + 1` tokens at a stride of `sequence_length`: every token but the first of
a source is predicted exactly once per epoch. All samples have equally many tokens, so weights count
tokens as well as samples.

The permutation of a few places is the order of their hashes; that of many is a Feistel network on the
next power of two, with cycle walking: values outside the range are sent through again until they fall
inside (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from orchestrator.errors import DataError

LARGEST_BLOCK = 2**16
_ROUNDS = 6
_FEW = 32  # a network of so few places has too few permutations to look random
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, kw_only=True)
class SampleOrder:
    """The order of one run. `tokens_per_source` and `weights` are in the order of the mixture's sources."""

    tokens_per_source: tuple[int, ...]
    weights: tuple[float, ...]
    sequence_length: int
    seed: int
    fingerprint: str
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for source, tokens in enumerate(self.tokens_per_source):
            if tokens <= self.sequence_length:
                name = self.names[source] if self.names else source
                raise DataError(
                    f"source {name!r} has {tokens:,} training tokens, but one sample takes "
                    f"{self.sequence_length + 1:,}; add text to it, or lower sequence_length "
                    f"to {max(tokens - 1, 1)}"
                )

    @cached_property
    def windows(self) -> np.ndarray:
        """int64[sources]: samples in one epoch of each source."""
        return (np.array(self.tokens_per_source, dtype=np.int64) - 1) // self.sequence_length

    @cached_property
    def slots(self) -> np.ndarray:
        """int64[sources]: samples of each source in one block."""
        return np.array(slots_of(self.weights), dtype=np.int64)

    @property
    def block(self) -> int:
        return int(self.slots.sum())

    def locate(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Global sample indices int64[n] -> (source, epoch, first token in the source), int64[n] each."""
        indices = np.asarray(indices, dtype=np.int64)
        if indices.size and indices.min() < 0:
            raise ValueError(f"sample indices count from 0, found {indices.min()}")
        block, place = np.divmod(indices, self.block)
        place = permute(place, self.block, _keys(self._key, block, domain=1))
        last = np.cumsum(self.slots)
        source = np.searchsorted(last, place, side="right")
        rank = block * self.slots[source] + place - (last - self.slots)[source]
        epoch, place = np.divmod(rank, self.windows[source])
        window = np.empty_like(place)
        for each in np.unique(source):
            chosen = source == each
            keys = _keys(self._key, epoch[chosen], domain=2 + int(each))
            window[chosen] = permute(place[chosen], int(self.windows[each]), keys)
        return source, epoch, window * self.sequence_length

    @cached_property
    def _key(self) -> int:
        text = f"sample order 1\n{self.fingerprint}\n{self.seed}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def validation_windows(
    *,
    tokens_per_source: Sequence[int],
    weights: Sequence[float],
    sequence_length: int,
    samples: int,
    fingerprint: str,
) -> tuple[np.ndarray, np.ndarray]:
    """The first `samples` windows of the held-out tokens -> (source int64[n], first token int64[n]).

    The order is fixed by the data alone, so every seed is judged on the same windows, and more samples
    only add to fewer. Sources take turns by their weights for as long as they have windows; windows
    never overlap in what they predict. n is smaller than `samples` when there are no more.
    """
    windows = [max(tokens - 1, 0) // sequence_length for tokens in tokens_per_source]
    if not sum(windows):
        raise DataError(
            f"no source has more than {max(tokens_per_source):,} held-out tokens, and one sample takes "
            f"{sequence_length + 1:,}; raise validation.fraction, or lower sequence_length"
        )
    taken = [0] * len(windows)
    turns = []
    for _ in range(min(samples, sum(windows))):
        owed = {s: (taken[s] + 1) / weights[s] for s in range(len(windows)) if taken[s] < windows[s]}
        source = min(owed, key=lambda s: (owed[s], s))
        turns.append((source, taken[source]))
        taken[source] += 1
    sources, places = np.array(turns, dtype=np.int64).T
    key = int.from_bytes(hashlib.sha256(f"validation 1\n{fingerprint}".encode()).digest()[:8], "little")
    starts = np.empty_like(places)
    for source in np.unique(sources):
        chosen = sources == source
        keys = _keys(key, sources[chosen], domain=0)
        starts[chosen] = permute(places[chosen], windows[source], keys) * sequence_length
    return sources, starts


def slots_of(weights: Sequence[float]) -> tuple[int, ...]:
    """Whole samples per block in the ratio of the weights, in the smallest block that is exact.

    0.7, 0.2, 0.1 -> 7, 2, 1. Weights are taken as the decimals they are written as. Where the exact
    block would pass 65,536 samples, the shares are rounded to that (largest remainders), at least 1.
    """
    shares = [Fraction(repr(float(weight))) for weight in weights]
    exact = [int(share * math.lcm(*(share.denominator for share in shares))) for share in shares]
    exact = [count // math.gcd(*exact) for count in exact]
    if sum(exact) <= LARGEST_BLOCK:
        return tuple(exact)
    ideal = [Fraction(count * LARGEST_BLOCK, sum(exact)) for count in exact]
    rounded = [max(1, math.floor(share)) for share in ideal]
    by_remainder = sorted(range(len(ideal)), key=lambda i: (rounded[i] - ideal[i], i))
    for i in by_remainder[: max(0, LARGEST_BLOCK - sum(rounded))]:
        rounded[i] += 1
    return tuple(rounded)


def permute(places: np.ndarray, size: int, keys: np.ndarray) -> np.ndarray:
    """places int64[n] in 0 ... size-1 -> int64[n]; for one key it is a permutation of 0 ... size-1."""
    if size <= _FEW:
        return _by_hash(places, size, keys)
    bits = (size - 1).bit_length()
    values = _feistel(places.astype(np.uint64), bits, keys)
    outside = np.flatnonzero(values >= size)
    while outside.size:
        values[outside] = _feistel(values[outside], bits, keys[outside])
        outside = outside[values[outside] >= size]
    return values.astype(np.int64)


def _by_hash(places: np.ndarray, size: int, keys: np.ndarray) -> np.ndarray:
    """The rank of each place's hash among those of all places; the hash is a bijection, so none are equal."""
    own = _mix(keys + (places.astype(np.uint64) + np.uint64(1)) * _GOLDEN)
    ranks = np.zeros(len(places), dtype=np.int64)
    for other in range(size):
        ranks += _mix(keys + _times(other + 1)) < own
    return ranks


def _feistel(values: np.ndarray, bits: int, keys: np.ndarray) -> np.ndarray:
    """An unbalanced Feistel network on `bits` bits; the halves swap widths every round."""
    low_bits = bits // 2
    high_bits = bits - low_bits
    for turn in range(_ROUNDS):
        low = values & np.uint64((1 << low_bits) - 1)
        high = values >> np.uint64(low_bits)
        mixed = _mix(low ^ (keys + _times(turn + 1)))
        high ^= mixed >> np.uint64(64 - high_bits)
        values = (low << np.uint64(high_bits)) | high
        low_bits, high_bits = high_bits, low_bits
    return values


def _keys(key: int, numbers: np.ndarray, *, domain: int) -> np.ndarray:
    """uint64[n]: one key for each number of a block or epoch; domains (blocks, sources) never share keys."""
    base = _mix(np.full(1, key, dtype=np.uint64) + _times(domain))
    return _mix(base ^ _mix(numbers.astype(np.uint64) + _GOLDEN))


def _mix(values: np.ndarray) -> np.ndarray:
    """The finalizer of SplitMix64 (Steele, Lea and Flood 2014): a bijection of 64 bits that avalanches."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = values ^ (values >> np.uint64(31))
    return mixed


def _times(factor: int) -> np.uint64:
    return np.uint64(int(_GOLDEN) * factor % 2**64)
