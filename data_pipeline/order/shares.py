"""Weights -> whole numbers of chunks: of a block, of what a block leaves over, and never far from the weights.

Samples are whole and weights are not. Rounding each weight to a part of a fixed block gives a source of one millionth of the
tokens a whole sample of every block, ten times what was asked; so weights that need it keep fractions, and what
remains at a change is dealt out by largest remainder. All of it is whole-number arithmetic: the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from data_pipeline.order.segments import FRACTION

LARGEST_BLOCK = 2**16
OWED = 20
"""Bits after the point of what a source is owed."""
_UNEVEN_BLOCK = 2**13  # samples; the smaller, the nearer to the weights inside a block too


def apportion(total: int, ideal: Sequence[int], lower: Sequence[int], upper: Sequence[int]) -> list[int]:
    """Whole numbers nearest to `ideal` (in units of 2**-20), between the bounds, that sum to `total`."""
    given = [min(max(want >> OWED, low), high) for want, low, high in zip(ideal, lower, upper, strict=True)]
    missing = total - sum(given)
    while missing:
        sign = 1 if missing > 0 else -1
        bound = upper if missing > 0 else lower
        free = [s for s in range(len(given)) if given[s] != bound[s]]
        free.sort(key=lambda s: (sign * ((given[s] << OWED) - ideal[s]), s))
        for s in free[: abs(missing)]:
            given[s] += sign
        missing = total - sum(given)
    return given


def block_of(weights: Sequence[int], parts: int, *, sources: int) -> tuple[int, list[int], list[int]]:
    """(chunks, whole shares, fractions in 2**-32) of one block for these weights, whole numbers above 0 of any size.

    The smallest block in which all are whole; if that would pass 65,536 samples, these shares rounded to so many where that
    keeps each within 0.1 % of its weight, and else a block of about 8,192 samples with fractions, of a run of `sources`.
    """
    divisor = math.gcd(*weights)
    exact = [weight // divisor for weight in weights]
    if sum(exact) * parts <= LARGEST_BLOCK:
        return sum(exact), exact, [0] * len(exact)
    if parts == 1 and len(exact) == sources:
        rounded = _rounded(exact)
        asked, got = sum(exact), sum(rounded)
        if all(1000 * abs(share * asked - want * got) <= want * got for share, want in zip(rounded, exact, strict=True)):
            return got, rounded, [0] * len(exact)
    size = max(_UNEVEN_BLOCK // parts, 4 * sources)
    fine = apportion_shares(exact, size << FRACTION)
    return size, [share >> FRACTION for share in fine], [share & (2**FRACTION - 1) for share in fine]


def apportion_shares(shares: Sequence[int], total: int) -> list[int]:
    """Whole numbers in the ratio of `shares` that sum to `total`, by largest remainder, the first of equals."""
    whole = sum(shares)
    result = [share * total // whole for share in shares]
    rest = [share * total % whole for share in shares]
    for s in sorted(range(len(shares)), key=rest.__getitem__, reverse=True)[: total - sum(result)]:
        result[s] += 1
    return result


def whole_numbers(weights: Sequence[float]) -> list[int]:
    """The smallest whole numbers in the ratio of the weights, taken as the decimals they are written as."""
    if len({*weights} - {0}) == 1:
        return [1 if weight else 0 for weight in weights]
    shares = [Fraction(repr(float(weight))) for weight in weights]
    common = math.lcm(*(share.denominator for share in shares))
    exact = [int(share * common) for share in shares]
    divisor = math.gcd(*exact)
    return [count // divisor for count in exact]


def _rounded(exact: Sequence[int]) -> list[int]:
    """At least 1 each, 65,536 together, by largest remainder."""
    total = sum(exact)
    rounded = [max(1, count * LARGEST_BLOCK // total) for count in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (rounded[i] * total - exact[i] * LARGEST_BLOCK, i))
    for i in by_remainder[: max(0, LARGEST_BLOCK - sum(rounded))]:
        rounded[i] += 1
    return rounded
