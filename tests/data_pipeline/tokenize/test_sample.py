"""A sample is a function of the documents: not of their order, nor of the blocks in which they are read."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from data_pipeline.tokenize.sample import LONGEST, Sampler, distinct_lines, quota

SIZES = {"english": 484_953_009_124, "french": 208_242_620_434, "swahili": 236_482_543}


def test_alpha_raises_small_languages_by_the_published_formula() -> None:
    """p_i = (n_i / N)^alpha / sum of (n_j / N)^alpha (Conneau and Lample 2019, section 3.1)."""
    given = quota(SIZES, 10**6, alpha=0.3)
    whole = sum(SIZES.values())
    powers = {name: (size / whole) ** 0.3 for name, size in SIZES.items()}
    for name, power in powers.items():
        assert given[name] == pytest.approx(1e6 * power / sum(powers.values()), abs=1)
    assert quota(SIZES, 10**6, alpha=1.0)["swahili"] == pytest.approx(1e6 * SIZES["swahili"] / whole, abs=1)


def test_weights_are_met_and_what_one_source_lacks_the_others_give() -> None:
    assert quota({"a": 1000, "b": 1000, "c": 0}, 400, weights={"a": 3, "b": 1, "c": 5}) == {"a": 300, "b": 100, "c": 0}
    assert quota({"a": 50, "b": 1000, "c": 1000}, 400, weights={"a": 2, "b": 1, "c": 1}) == {"a": 50, "b": 175, "c": 175}
    assert quota({"a": 50, "b": 20}, 400, weights={"a": 2, "b": 1}) == {"a": 50, "b": 20}
    assert quota({}, 400, alpha=0.5) == {}
    with pytest.raises(ValueError, match="either weights or alpha"):
        quota(SIZES, 10)


def naive(documents: list[tuple[float, str, str]], limit: int) -> list[str]:
    kept: list[str] = []
    for _, _, text in sorted(documents):
        if kept and sum(map(len, kept)) + len(text) > limit:
            break
        kept.append(text)
    return kept


@settings(max_examples=200, deadline=None)
@given(
    rows=some.lists(some.tuples(some.sampled_from([0.1, 0.2, 0.3, 0.4, 0.5]), some.integers(0, 12)), max_size=14),
    limit=some.integers(1, 40), seed=some.integers(0, 99), blocks=some.integers(1, 4),
)  # fmt: skip
def test_blocks_in_any_order_give_the_sample_of_all(rows: list[tuple[float, int]], limit: int, seed: int, blocks: int) -> None:
    documents = [(rank, f"d{place}", f"{place % 10}" * size) for place, (rank, size) in enumerate(rows)]
    expected = naive(documents, limit)
    random.Random(seed).shuffle(documents)
    samplers = [Sampler(limit) for _ in range(blocks)]
    for place, document in enumerate(documents):
        samplers[place % blocks].add(*document)
    whole = Sampler(limit)
    whole.merge(samplers)
    assert whole.texts() == expected


def test_a_sampler_that_is_written_is_the_same_and_so_are_its_bytes(tmp_path: Path) -> None:
    one, other = Sampler(12), Sampler(12)
    rows = [(0.1, "a", "12345678"), (0.2, "b", "12345678\n"), (0.3, "c", "é")]
    for row in rows:
        one.add(*row)
    for row in reversed(rows):
        other.add(*row)
    one.write(tmp_path / "one")
    other.write(tmp_path / "other")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    read = Sampler.read(tmp_path / "one")
    assert read.texts() == one.texts() == ["12345678"]
    read.add(0.3, "c", "é")  # fits, but stands behind one that did not
    assert read.texts() == ["12345678"]


def test_one_huge_document_is_cut() -> None:
    sampler = Sampler(10)
    sampler.add(0.5, "a", "x" * (LONGEST + 5))
    assert [len(text) for text in sampler.texts()] == [LONGEST]


def test_each_line_is_kept_where_it_stands_first() -> None:
    texts = ["menu\nfirst text\nmenu", "menu", "menu\nsecond text\n\n", "", "first text\nthird"]
    assert list(distinct_lines(texts)) == ["menu\nfirst text", "second text\n", "third"]
    assert list(distinct_lines([])) == []
