"""Which source each sample of a Megatron blend comes from: the arrays of its BlendedDataset, without its C++.

Megatron gives sample i to the source whose share lags most: argmax of weight * max(i, 1) - given, the first of equals,
in double precision (`build_blending_indices` and `build_exhaustive_blending_indices`, megatron-core 0.16.1, helpers.cpp).
Each choice depends on all before it, and ties are decided by rounding, so they are made one by one, some microseconds
each; the arrays are kept on disk by whoever asks for many.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def blending_indices(weights: Sequence[float], size: int) -> tuple[np.ndarray, np.ndarray]:
    """(source int16[size], sample of that source int64[size]) for weights that are normalised to 1 here."""
    shares = np.array(weights, dtype=np.float64)
    return _choices(shares / np.sum(shares), size, limits=None)


def exhaustive_blending_indices(sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The same where every source gives exactly `sizes` samples; int16[sum] and int64[sum]."""
    limits = np.array(sizes, dtype=np.int64)
    return _choices(limits / float(limits.sum()), int(limits.sum()), limits=limits)


def _choices(shares: np.ndarray, size: int, *, limits: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    chosen = np.empty(size, dtype=np.int16)
    given = np.zeros(len(shares))
    errors = np.empty(len(shares))
    for position in range(size):
        np.multiply(shares, position or 1, out=errors)
        np.subtract(errors, given, out=errors)
        source = errors.argmax()
        given[source] += 1.0
        chosen[position] = source
        if limits is not None and given[source] == limits[source]:
            given[source] = np.inf
    return chosen, _ordinals(chosen)


def _ordinals(chosen: np.ndarray) -> np.ndarray:
    """int64[n]: how many equal entries came before each."""
    order = np.argsort(chosen, kind="stable")
    counts = np.bincount(chosen)
    ordinals = np.empty(len(chosen), dtype=np.int64)
    ordinals[order] = np.arange(len(chosen)) - np.repeat(np.cumsum(counts) - counts, counts)
    return ordinals
