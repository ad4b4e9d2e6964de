"""Hashes of substrings and n-grams from prefix sums, and what comes more than once.

A dictionary of n-grams costs a string and an entry for each; most of a filter's time goes there. A polynomial
modulo 2^64 gives the hash of every n-gram of a text in a few operations on whole arrays, and sorting finds the
equal ones.

    hash of x[s:e]  =  sum of (x[i] + 1) * B^(i - s)   for i in s..e-1
"""

from __future__ import annotations

from functools import cache

import numpy as np

_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2^64
_GRAM = 0xD6E8FEB86659FD93
_MASK = 2**64 - 1
_SHIFTS = tuple(map(np.uint64, (30, 27, 31)))
_FACTORS = tuple(map(np.uint64, (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)))
_TO_PREFIX = np.uint64(48)
_ONE_MORE = np.uint64(_GRAM)


class _Powers:
    """B^i, B^-i and 1 + B + ... + B^(i-1), for i below a length that grows when a longer text comes."""

    def __init__(self) -> None:
        self.up = self.down = self.below = np.ones(0, np.uint64)

    def reach(self, length: int) -> None:
        if length < self.up.size:
            return
        size = 1 << (length + 1).bit_length()
        self.up = _powers(_BASE, size)
        self.down = _powers(pow(_BASE, -1, 2**64), size)
        self.below = np.cumsum(self.up, dtype=np.uint64) - self.up


def _powers(base: int, size: int) -> np.ndarray:
    factors = np.full(size, base, np.uint64)
    factors[0] = 1
    return np.cumprod(factors, dtype=np.uint64)


_POWERS = _Powers()


def span_hashes(codes: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The hash of each `codes[start:end]`, none of them empty; equal substrings have equal hashes wherever they stand."""
    if not starts.size:
        return np.zeros(0, np.uint64)
    _POWERS.reach(codes.size)
    terms = codes.astype(np.uint64)
    terms *= _POWERS.up[: codes.size]
    edges = np.empty(2 * starts.size, np.int64)
    edges[::2], edges[1::2] = starts, ends
    sums = np.add.reduceat(terms, edges if ends[-1] < codes.size else edges[:-1])[::2]
    sums *= _POWERS.down[starts]
    sums += _POWERS.below[ends - starts]
    return sums


def hash_of(codes: list[int]) -> int:
    """The hash of one sequence, as `span_hashes` gives it."""
    total, power = 0, 1
    for code in codes:
        total += (code + 1) * power
        power = power * _BASE & _MASK
    return total & _MASK


def joined(left: np.ndarray, left_lengths: np.ndarray, between: str, right: np.ndarray) -> np.ndarray:
    """The hashes of left + between + right, from the hashes of the parts."""
    _POWERS.reach(int(left_lengths.max(initial=0)) + len(between))
    middle = np.uint64(hash_of(list(map(ord, between))))
    return left + _POWERS.up[left_lengths] * middle + _POWERS.up[left_lengths + len(between)] * right


def mixed(values: np.ndarray) -> np.ndarray:
    """Spreads each value over all 64 bits (the finalizer of SplitMix64)."""
    for shift, factor in zip(_SHIFTS, _FACTORS, strict=False):
        values = values ^ (values >> shift)
        values *= factor
    return values ^ (values >> _SHIFTS[2])


def gram_hashes(values: np.ndarray, n: int) -> np.ndarray:
    """The hash of each run of n values: built by doubling, so that n = 10 takes four additions."""
    if values.size < n:
        return values[:0]
    grams = values
    for length, factor, one_more in _doublings(n):
        following = grams[length:]
        grams = grams[:-length] * factor
        grams += following
        if one_more:
            grams = grams[:-1] * _ONE_MORE
            grams += values[2 * length :]
    return grams


@cache
def _doublings(n: int) -> tuple[tuple[int, np.uint64, bool], ...]:
    """(length so far, the factor that shifts by it, whether one more value follows the doubled run)."""
    bits = bin(n)[2:]
    lengths = [int(bits[:end], 2) for end in range(1, len(bits))]
    return tuple((length, np.uint64(pow(_GRAM, length, 2**64)), bit == "1") for length, bit in zip(lengths, bits[1:], strict=True))


def repeated_counts(hashes: np.ndarray) -> np.ndarray:
    """int64: of each value that occurs more than once, how often, in no order."""
    same = np.zeros(hashes.size + 1, bool)
    same[1:-1] = _like_the_one_before(hashes)
    changes = (same[1:] != same[:-1]).nonzero()[0]  # where runs of equal values begin and end, in turn
    counts: np.ndarray = changes[1::2] - changes[::2]
    counts += 1
    return counts


def number_repeated(hashes: np.ndarray) -> int:
    """How many of the values occur more than once."""
    same = _like_the_one_before(hashes)
    again = int(np.count_nonzero(same))
    return again + int(same[0]) + int(np.count_nonzero(same[1:] > same[:-1])) if again else 0


def _like_the_one_before(hashes: np.ndarray) -> np.ndarray:
    """bool: which of the sorted values, but for the first, equal the one before."""
    ordered = hashes.copy()
    ordered.sort()
    same: np.ndarray = ordered[1:] == ordered[:-1]
    return same


def longer(grams: np.ndarray, following: np.ndarray) -> np.ndarray:
    """The hashes of n-grams, each with the value that follows it, as `gram_hashes` gives them for n + 1."""
    return grams * _ONE_MORE + following


def among_repeated(hashes: np.ndarray) -> np.ndarray | None:
    """bool: which values occur more than once; None where none does."""
    ordered = hashes.copy()
    ordered.sort()
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    if not again.size:
        return None
    found: np.ndarray = again[np.minimum(again.searchsorted(hashes), again.size - 1)] == hashes
    return found


def prefixes(hashes: np.ndarray) -> np.ndarray:
    """int64: the first 16 bits of each."""
    return (hashes >> _TO_PREFIX).astype(np.int64)


class HashSet:
    """Hashes of which many are asked for at once: most that are not in it are known by their prefixes."""

    def __init__(self, hashes: np.ndarray) -> None:
        self._sorted = np.unique(hashes)
        self._some = np.zeros(1 << 16, bool)
        self._some[prefixes(self._sorted)] = True

    def __len__(self) -> int:
        return self._sorted.size

    def count(self, hashes: np.ndarray, their_prefixes: np.ndarray) -> int:
        """How many of these are in the set, each as often as it comes."""
        likely = hashes[self._some[their_prefixes]]
        if not likely.size:
            return 0
        places = self._sorted.searchsorted(likely)
        return int(np.count_nonzero(self._sorted.take(places, mode="clip") == likely))
