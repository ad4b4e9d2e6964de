"""Hashes of substrings and n-grams from prefix sums, and what comes more than once.

A dictionary of n-grams costs a string and an entry for each; most of a filter's time goes there. A polynomial
modulo 2^64 gives the hash of every n-gram of a text in a few operations on whole arrays, and sorting finds the
equal ones.

    hash of x[s:e]  =  sum of (x[i] + 1) * B^(i - s)   for i in s..e-1
"""

from __future__ import annotations

import numpy as np

_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2^64
_GRAM = 0xD6E8FEB86659FD93
_MASK = 2**64 - 1


class _Powers:
    """B^i and B^-i for i below a length that grows when a longer text comes."""

    def __init__(self) -> None:
        self.up = self.down = np.ones(1, np.uint64)

    def reach(self, length: int) -> None:
        if length < self.up.size:
            return
        size = 1 << (length + 1).bit_length()
        self.up = _powers(_BASE, size)
        self.down = _powers(pow(_BASE, -1, 2**64), size)


def _powers(base: int, size: int) -> np.ndarray:
    factors = np.full(size, base, np.uint64)
    factors[0] = 1
    return np.cumprod(factors, dtype=np.uint64)


_POWERS = _Powers()


def span_hashes(codes: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The hash of each `codes[start:end]`; equal substrings have equal hashes wherever they stand."""
    _POWERS.reach(codes.size)
    sums = np.zeros(codes.size + 1, np.uint64)
    np.cumsum((codes + np.uint64(1)) * _POWERS.up[: codes.size], out=sums[1:])
    return (sums[ends] - sums[starts]) * _POWERS.down[starts]


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
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def gram_hashes(values: np.ndarray, n: int) -> np.ndarray:
    """The hash of each run of n values: built by doubling, so that n = 10 takes four additions."""
    if values.size < n:
        return values[:0]
    grams, length = values, 1
    for bit in bin(n)[3:]:
        shift = np.uint64(pow(_GRAM, length, 2**64))
        grams = grams[:-length] * shift + grams[length:]
        length *= 2
        if bit == "1":
            grams = grams[:-1] * np.uint64(_GRAM) + values[length:]
            length += 1
    return grams


def repeated_counts(hashes: np.ndarray) -> tuple[int, np.ndarray]:
    """How many distinct values there are, and the counts of those that occur more than once (in no order)."""
    if hashes.size < 2:
        return hashes.size, np.zeros(0, np.int64)
    ordered = np.sort(_doubtful(hashes))
    again = np.flatnonzero(ordered[1:] == ordered[:-1])
    if not again.size:
        return hashes.size, again
    breaks = np.flatnonzero(again[1:] - again[:-1] != 1)
    runs = np.empty(breaks.size + 2, np.int64)
    runs[0], runs[1:-1], runs[-1] = -1, breaks, again.size - 1
    return hashes.size - again.size, runs[1:] - runs[:-1] + 1


def _doubtful(hashes: np.ndarray) -> np.ndarray:
    """The values but for most of those that occur once: who is alone in one of many bins has no equal. Sorting is what costs."""
    if hashes.size < 512:
        return hashes
    bits = hashes.size.bit_length() + 2
    bins = (hashes >> np.uint64(64 - bits)).astype(np.int64)
    return hashes[np.bincount(bins, minlength=1 << bits)[bins] > 1]


def longer(grams: np.ndarray, following: np.ndarray) -> np.ndarray:
    """The hashes of n-grams, each with the value that follows it, as `gram_hashes` gives them for n + 1."""
    return grams * np.uint64(_GRAM) + following


def among_repeated(hashes: np.ndarray) -> np.ndarray | None:
    """bool: which values occur more than once; None where none does."""
    ordered = np.sort(hashes)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    if not again.size:
        return None
    return again[np.minimum(np.searchsorted(again, hashes), again.size - 1)] == hashes
