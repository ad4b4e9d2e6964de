"""Signatures are datasketch's, element for element, and estimate what sets have in common."""

from __future__ import annotations

import numpy as np
import pytest
from datasketch import MinHash

from data_pipeline.dedup.minhash import agreement, band_keys, permutations, signature
from data_pipeline.dedup.shingles import shingles_of
from tests.data_pipeline.measures.texts import DOCUMENTS


@pytest.mark.parametrize("number", [1, 112, 128])
def test_the_permutations_are_those_that_datasketch_draws(number: int) -> None:
    a, b = permutations(number)
    assert np.array_equal(np.stack([a[:, 0], b[:, 0]]), MinHash(num_perm=number).permutations)


def test_signatures_are_those_of_datasketch_on_real_texts() -> None:
    for _, text in DOCUMENTS:
        shingles = shingles_of(text, 5)
        theirs = MinHash(num_perm=112, hashfunc=int)
        theirs.update_batch(shingles.tolist())
        assert np.array_equal(signature(shingles, 112), theirs.hashvalues)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 3000])
def test_signatures_are_those_of_datasketch_at_every_length(size: int) -> None:
    shingles = np.random.default_rng(size).integers(0, 1 << 32, size, dtype=np.uint32)
    theirs = MinHash(num_perm=64, hashfunc=int)
    for shingle in shingles.tolist():
        theirs.update(shingle)
    assert np.array_equal(signature(shingles, 64), theirs.hashvalues)


@pytest.mark.parametrize("common", [0.0, 0.2, 0.5, 0.8, 0.95, 1.0])
def test_the_estimate_is_the_share_in_common(common: float) -> None:
    chance = np.random.default_rng(int(common * 100))
    left, right, share = [], [], []
    for _ in range(60):
        both, one, other = np.split(chance.integers(0, 1 << 32, 2000, dtype=np.uint32), [int(1000 * common), 1000 + int(500 * common)])
        sets = np.concatenate([both, one]), np.concatenate([both, other])
        left.append(signature(sets[0], 112))
        right.append(signature(sets[1], 112))
        share.append(np.intersect1d(*sets).size / np.union1d(*sets).size)
    error = agreement(np.stack(left), np.stack(right)) - np.array(share)
    deviation = np.sqrt(np.array(share) * (1 - np.array(share)) / 112).mean()
    assert abs(error.mean()) <= 4 * deviation / np.sqrt(60)
    assert error.std() <= 1.5 * deviation


def test_a_band_is_a_key_of_its_rows_and_of_its_number() -> None:
    one = np.arange(12, dtype=np.uint32)
    other = one.copy()
    other[5] = 99
    assert (band_keys(one, 4) == band_keys(other, 4)).tolist() == [True, False, True, True]
    assert np.unique(band_keys(np.zeros(12, np.uint32), 4)).size == 4


def test_how_often_a_band_is_shared_is_as_the_formula_says() -> None:
    """Mining of Massive Datasets, 3.4.2: 1 - (1 - s^rows)^bands."""
    chance = np.random.default_rng(7)
    for share in (0.5, 0.7, 0.8, 0.9):
        agree = chance.random((3000, 112)) < share
        one = np.zeros(112, np.uint32)
        hits = [bool((band_keys(one, 14) == band_keys((~row).astype(np.uint32), 14)).any()) for row in agree]
        expected = 1 - (1 - share**8) ** 14
        assert abs(np.mean(hits) - expected) <= 4 * np.sqrt(expected * (1 - expected) / 3000) + 1e-3
