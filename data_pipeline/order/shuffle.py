"""Permutations of any size that are computed, not stored: place -> where it goes, and back.

A shuffled list of a trillion tokens' samples would be gigabytes that every process builds or loads before
its first step. Here a permutation is a key of 64 bits. That of a few places is the order of their hashes; that
of many is a Feistel network on the next power of two, with cycle walking: values outside the range are
sent through again until they fall inside (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002).

Every argument may be an array, so that one call serves samples of many sources and blocks.
"""

from __future__ import annotations

import hashlib

import numpy as np

_ROUNDS = 6
_FEW = 32  # a network of so few places has too few permutations to look random
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MASK = 2**64 - 1
_SHIFTS = tuple(map(np.uint64, (30, 27, 31)))
_FACTORS = tuple(map(np.uint64, (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)))


def permute(places: np.ndarray, sizes: np.ndarray | int, keys: np.ndarray) -> np.ndarray:
    """places int64[n], each in 0 ... size-1 -> int64[n]; for one key it is a permutation of 0 ... size-1.

    `sizes` is int64[n] or one number, at most 2**53; `keys` is uint64[n] or, for all places, uint64[1].
    """
    return _walked(places, sizes, keys, few=_rank_of_hash, step=_feistel)


def unpermute(values: np.ndarray, sizes: np.ndarray | int, keys: np.ndarray) -> np.ndarray:
    """The inverse: `unpermute(permute(p, size, key), size, key)` is p."""
    return _walked(values, sizes, keys, few=_place_of_rank, step=_feistel_back)


def key_of(text: str) -> int:
    """The first 64 bits of the sha256 of a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def keys_of(key: int, numbers: np.ndarray, *, domain: np.ndarray | int) -> np.ndarray:
    """uint64[n]: one key for each number of a block or epoch; domains (blocks, sources) never share keys."""
    if numbers.size == 1 and isinstance(domain, int):
        return np.array([_one_key(key, int(numbers[0]), domain)], dtype=np.uint64)
    turns = np.atleast_1d(np.asarray(domain)).astype(np.uint64) * _GOLDEN
    base = _mix(np.full(1, key, dtype=np.uint64) + turns)
    return _mix(base ^ _mix(numbers.astype(np.uint64) + _GOLDEN))


def _one_key(key: int, number: int, domain: int) -> int:
    """`keys_of` in Python's numbers, which are many times as fast for one."""
    golden = int(_GOLDEN)
    return _mix_one(_mix_one(key + domain * golden) ^ _mix_one(number + golden))


def _walked(places, sizes, keys, *, few, step) -> np.ndarray:  # type: ignore[no-untyped-def]
    sizes = np.asarray(sizes, dtype=np.int64)
    if sizes.ndim:
        small = sizes <= _FEW
        if not small.all() and small.any():
            result = np.empty_like(places)
            for part in (small, ~small):
                result[part] = _walked(places[part], sizes[part], keys[part], few=few, step=step)
            return result
    largest = int(sizes.max(initial=0))
    if largest <= 1:
        return np.zeros_like(places)
    if largest <= _FEW:
        return few(places, sizes, keys)
    if sizes.ndim:
        bits = np.frexp((sizes - 1).astype(np.float64))[1].astype(np.uint64)  # the bits that sizes - 1 takes
    else:
        bits = np.uint64((largest - 1).bit_length())
    values = step(places.astype(np.uint64), bits, keys)
    outside = (values >= sizes.astype(np.uint64)).nonzero()[0]
    while outside.size:
        of, within = (bits[outside], sizes[outside]) if sizes.ndim else (bits, sizes)
        again = step(values[outside], of, keys if keys.size == 1 else keys[outside])
        values[outside] = again
        outside = outside[again >= within.astype(np.uint64)]
    return values.astype(np.int64)


def _rank_of_hash(places: np.ndarray, sizes: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """The rank of each place's hash among those of all places; the hash is a bijection, so none are equal."""
    own = _mix(keys + (places.astype(np.uint64) + np.uint64(1)) * _GOLDEN)
    ranks = np.zeros(len(places), dtype=np.int64)
    for other in range(int(sizes.max(initial=0))):
        ranks += (_mix(keys + _times(other + 1)) < own) & (other < sizes)
    return ranks


def _place_of_rank(ranks: np.ndarray, sizes: np.ndarray, keys: np.ndarray) -> np.ndarray:
    places = np.zeros(len(ranks), dtype=np.int64)
    for place in range(int(sizes.max(initial=0))):
        tried = np.full(len(ranks), place, dtype=np.int64)
        places[(_rank_of_hash(tried, sizes, keys) == ranks) & (place < sizes)] = place
    return places


def _feistel(values: np.ndarray, bits: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """An unbalanced Feistel network on `bits` bits; the halves swap places, and so widths, every round."""
    low_bits, mask, shifts = _halves(bits)
    high, low = values >> low_bits, values & mask
    for turn in range(_ROUNDS):
        high ^= _mix(low ^ (keys + _TURNS[turn])) >> shifts[turn % 2]
        high, low = low, high
    high <<= low_bits  # after an even number of rounds each half is as wide as at first
    high |= low
    return high


def _feistel_back(values: np.ndarray, bits: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """The rounds of `_feistel` undone, last first."""
    low_bits, mask, shifts = _halves(bits)
    high, low = values >> low_bits, values & mask
    for turn in reversed(range(_ROUNDS)):
        high, low = low, high
        high ^= _mix(low ^ (keys + _TURNS[turn])) >> shifts[turn % 2]
    high <<= low_bits
    high |= low
    return high


def _halves(bits: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Bits of the low half, its mask, and 64 less the bits of the half that even rounds change, and odd ones."""
    few = bits // np.uint64(2)
    return few, (np.uint64(1) << few) - np.uint64(1), (np.uint64(64) - (bits - few), np.uint64(64) - few)


def _mix(values: np.ndarray) -> np.ndarray:
    """The finalizer of SplitMix64 (Steele, Lea and Flood 2014): a bijection of 64 bits that avalanches."""
    mixed: np.ndarray = values >> _SHIFTS[0]
    mixed ^= values
    mixed *= _FACTORS[0]
    mixed ^= mixed >> _SHIFTS[1]
    mixed *= _FACTORS[1]
    mixed ^= mixed >> _SHIFTS[2]
    return mixed


def _mix_one(value: int) -> int:
    value &= _MASK
    value = (value ^ value >> 30) * int(_FACTORS[0]) & _MASK
    value = (value ^ value >> 27) * int(_FACTORS[1]) & _MASK
    return value ^ value >> 31


def _times(factor: int) -> np.uint64:
    return np.uint64(int(_GOLDEN) * factor % 2**64)


_TURNS = tuple(_times(turn + 1) for turn in range(_ROUNDS))
