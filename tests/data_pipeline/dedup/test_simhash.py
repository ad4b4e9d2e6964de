"""Fingerprints against the package `simhash`, and near ones against all pairs."""

from __future__ import annotations

import random

import numpy as np
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from simhash import Simhash

from data_pipeline.dedup.simhash import block_keys, fingerprint, near, windows, without_punctuation
from data_pipeline.measures.hashing import mixed
from data_pipeline.surveys import ROWS
from tests.data_pipeline.measures.texts import DOCUMENTS


def published(hashes: np.ndarray) -> int:
    return int(Simhash(list(map(str, hashes.tolist())), hashfunc=lambda name: int(name) if name.isdigit() else 0).value)


def test_fingerprints_are_those_of_the_package_on_real_texts() -> None:
    for _, text in DOCUMENTS:
        hashes = windows(mixed(without_punctuation(text) + np.uint64(1)), 6)
        assert fingerprint(hashes) == published(hashes)


def test_fingerprints_of_long_texts_are_those_of_the_package() -> None:
    hashes = mixed(np.arange(40_000, dtype=np.uint64))
    assert fingerprint(hashes) == published(hashes)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=40))
def test_fingerprints_are_those_of_the_package(values: list[int]) -> None:
    hashes = np.array(values, np.uint64)
    assert fingerprint(hashes) == published(hashes)


@settings(deadline=None)
@given(st.text())
def test_punctuation_is_what_the_published_expression_takes_out(text: str) -> None:
    left = without_punctuation(text).tobytes().decode("utf-32-le", "surrogatepass")
    assert left == regex.sub(r"\p{P}", "", text.lower())


def test_the_last_window_counts_and_short_texts_differ() -> None:
    """The published code left out the last window, and had none of a text of six characters or fewer."""
    values = mixed(np.arange(1, 20, dtype=np.uint64))
    assert windows(values, 6).size == values.size - 6 + 1
    bits = {fingerprint(windows(mixed(without_punctuation(text) + np.uint64(1)), 6)) for text in ("a", "b", "abc", "abcdef", "abcdefg")}
    assert len(bits) == 5


@pytest.mark.parametrize("distance", [1, 2, 3, 4, 5])
def test_fingerprints_that_differ_in_few_bits_share_a_key(distance: int) -> None:
    chance = random.Random(distance)
    for _ in range(500):
        one = chance.getrandbits(64)
        other = one
        for bit in chance.sample(range(64), distance):
            other ^= 1 << bit
        assert np.intersect1d(block_keys(one, 6, distance), block_keys(other, 6, distance)).size


def test_near_ones_are_those_of_all_pairs() -> None:
    chance = random.Random(3)
    bits = [chance.getrandbits(64) for _ in range(30)]
    for _ in range(170):
        other = chance.choice(bits)
        for bit in chance.sample(range(64), chance.choice([0, 1, 3, 4, 5, 9])):
            other ^= 1 << bit
        bits.append(other)
    rows = np.zeros(15 * len(bits), ROWS)
    rows["key"] = np.concatenate([block_keys(one, 6, 4) for one in bits])
    rows["low"] = np.repeat(np.array(bits, np.uint64), 15)
    rows["document"] = np.repeat(np.arange(len(bits)), 15)
    rows = rows[np.lexsort((rows["document"], rows["low"], rows["key"]))]
    one, other = (rows[places] for places in near(rows, 4))
    found = {frozenset(pair) for pair in zip(one["low"].tolist(), other["low"].tolist(), strict=True)}
    expected = {frozenset((a, b)) for a in set(bits) for b in set(bits) if a != b and (a ^ b).bit_count() <= 4}
    assert {pair for pair in found if len(pair) == 2} == expected
    firsts = {value: bits.index(value) for value in bits}
    copies = {(a, b) for a, b, x, y in zip(one["document"].tolist(), other["document"].tolist(), one["low"], other["low"], strict=True) if x == y}
    assert copies == {(place, firsts[value]) for place, value in enumerate(bits) if firsts[value] != place}
