"""Copies and near-duplicates across sources: which are found, which stay, and that no division of the keys matters."""

from __future__ import annotations

import random

import numpy as np
import pytest

from data_pipeline.dedup.shingles import shingles_of
from data_pipeline.steps import STEPS, Drop, Wide
from data_pipeline.steps.near_duplicates import NearDuplicates
from tests.data_pipeline.measures.texts import DOCUMENTS
from tests.data_pipeline.steps.conftest import document, steps_of
from tests.data_pipeline.steps.run_wide import run_wide

WIDE = [name for name in STEPS.names() if issubclass(STEPS.get(name), Wide)]
REAL = [text for _, text in DOCUMENTS if len(text.split()) > 80]


def kept(said: str, texts: list[str], language: str | None = None) -> list[int]:
    (step,) = steps_of(said)
    assert isinstance(step, Wide)
    documents = [document(text, number) for number, text in enumerate(texts)]
    outcomes, _ = run_wide(step, documents, [language] * len(texts))
    return [number for number, outcome in enumerate(outcomes) if not isinstance(outcome, Drop)]


def in_common(text: str, other: str) -> float:
    sets = set(shingles_of(text, 5).tolist()), set(shingles_of(other, 5).tolist())
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def with_words_replaced(text: str, share: float, chance: random.Random) -> str:
    words = text.split(" ")
    for place in chance.sample(range(len(words)), round(len(words) * share)):
        words[place] = "".join(chance.choices("abcdefghijklmnop", k=7))
    return " ".join(words)


@pytest.mark.parametrize(
    ("normalize", "expected"),
    [("none", [0, 1, 2, 3, 5, 6]), ("whitespace", [0, 2, 3, 5, 6]), ("letters", [0, 2, 5, 6])],
)
def test_exact_copies_are_told_as_the_page_says(normalize: str, expected: list[int]) -> None:
    texts = ["one  text\n", " one text", "One text", "one text 2", "one  text\n", "", "12"]
    assert kept(f"exact_copies: {{normalize: {normalize}}}", texts) == expected


@pytest.mark.parametrize("name", WIDE)
def test_no_division_of_the_keys_changes_anything(name: str) -> None:
    chance = random.Random(name)
    texts = REAL + [with_words_replaced(text, 0.01, chance) for text in REAL] + REAL[:3]
    documents = [document(text, number, url=f"https://a.b/{number % 9}") for number, text in enumerate(texts)]
    step = STEPS.get(name)(step=name)
    expected, marks = run_wide(step, documents)
    assert marks.size
    for ranges in (2, 7, 64):
        outcomes, again = run_wide(step, documents, ranges=ranges)
        assert outcomes == expected
        assert np.array_equal(again, marks)


def test_near_duplicates_are_found_and_the_first_stays() -> None:
    chance = random.Random(1)
    own = [REAL[number] for number in kept("near_duplicates", REAL)]
    changed = [with_words_replaced(text, chance.choice([0.005, 0.2]), chance) for text in own]
    left = kept("near_duplicates", own + changed)
    assert left[: len(own)] == list(range(len(own)))
    common = [in_common(text, other) for text, other in zip(own, changed, strict=True)]
    assert sum(share >= 0.9 for share in common) > 10
    assert sum(share <= 0.6 for share in common) > 10
    for number, share in enumerate(common):
        assert 0.6 < share < 0.9 or (share >= 0.9) == (number + len(own) not in left)


def test_a_chain_of_near_ones_is_one_cluster() -> None:
    """Each is near its neighbour, the last is far from the first, and all but the first go, in whatever order they come."""
    words = [f"w{number}" for number in range(400)]
    chain = [" ".join(words[start : start + 300]) for start in range(0, 100, 12)]
    for order in (chain, chain[::-1], random.Random(2).sample(chain, len(chain))):
        assert kept("near_duplicates", [*order, "quite another text of more than five words"]) == [0, len(chain)]


def test_similar_bands_alone_are_not_enough() -> None:
    """Candidates are judged by their whole signatures: with bands of one row nearly all pairs are candidates."""
    texts = [" ".join(f"w{number}" for number in range(start, start + 100)) for start in (0, 40)]
    assert kept("near_duplicates: {bands: 112, rows: 1}", texts) == [0, 1]
    assert kept("near_duplicates: {bands: 112, rows: 1, threshold: 0.3}", texts) == [0]


def test_the_same_text_is_near_in_any_source_and_script() -> None:
    text = "這是一個沒有空格的句子而且它足夠長可以比較" * 3 + "另一個句子在這裡結束了"
    step = NearDuplicates(step="near_duplicates")
    outcomes, marks = run_wide(step, [document(text), document(text + "。"), document(text[:20])], ["zh", "en", None])
    assert [isinstance(outcome, Drop) for outcome in outcomes] == [False, True, False]
    assert marks["first"].tolist() == [0]


def test_documents_of_few_words_are_not_compared() -> None:
    assert kept("near_duplicates", ["four words are here"] * 3) == [0, 1, 2]
    assert kept("near_duplicates", ["but five words are here"] * 3) == [0]


@pytest.mark.parametrize("language", [None, "en"])
def test_simhash_finds_what_differs_little_and_nothing_else(language: str | None) -> None:
    chance = random.Random(5)
    own = [" ".join("".join(chance.choices("aeiklmnorst", k=chance.randint(2, 9))) for _ in range(600)) for _ in range(20)]
    assert kept("simhash_duplicates", own, language) == list(range(len(own)))
    changed = [text + "xyz" for text in own]
    assert kept("simhash_duplicates", own + changed, language) == list(range(len(own)))


def test_short_texts_are_not_all_alike() -> None:
    """In the published code all texts of six characters or fewer had the same 64 bits."""
    assert kept("simhash_duplicates", ["abc", "abd", "a", "", "...", "xyzxyz", "abc"]) == [0, 1, 2, 3, 4, 5]


def test_a_ruler_does_not_make_two_pages_alike() -> None:
    """Counted as often as they occur, the windows of a long ruler outvote all others."""
    texts = [text[:400] + " " * 3000 for text in REAL[:6]]
    assert kept("simhash_duplicates", texts) == list(range(6))
    assert kept("simhash_duplicates: {counted: each}", texts) == [0]
