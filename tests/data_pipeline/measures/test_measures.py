"""Each fused measure equals the plain one, on real text in sixteen languages and on any text at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.measures import repetition, shares
from data_pipeline.measures.view import TextView, Words
from data_pipeline.measures.wordlists import hashes_of
from tests.data_pipeline.measures import naive
from tests.data_pipeline.measures.texts import ARTICLE_1, DOCUMENTS

NOISE = "ab AB\n\t.'’-…#{1§éßİıΣσⓂШह्าのสี你\u0301\u00a0\U0001f600"
texts = st.one_of(st.text(), st.text(NOISE, max_size=200), st.lists(st.sampled_from(["a b c ", "b a\n", "你好", "İΣ ", "x."])).map("".join))


def strings(text: str, words: Words) -> list[str]:
    return [text[start:end] for start, end in zip(words.spans.starts, words.spans.ends, strict=True)]


def check_words(text: str) -> None:
    view = TextView(text)
    assert strings(text.lower(), view.words(False)) == naive.words(text)
    assert strings(text.lower(), view.words(True)) == naive.character_words(text)
    assert strings(text, view.tokens) == naive.tokens(text)


def check_measures(text: str, n: int) -> None:
    view = TextView(text)
    assert repetition.character_repetition(view, n) == pytest.approx(naive.character_repetition(text, n), abs=1e-12)
    assert shares.special_share(view) == pytest.approx(naive.special_share(text), abs=1e-12)
    for alone, words in ((False, naive.words(text)), (True, naive.character_words(text))):
        assert repetition.word_repetition(view.words(alone), n) == pytest.approx(naive.word_repetition(words, n), abs=1e-12)
        listed = {*words[::3], *("".join(words[k : k + 2]) for k in range(0, len(words), 2)), "b a"}
        for pairs in (None, "", " "):
            found = shares.listed_share(view.words(alone), hashes_of(listed), None if pairs is None else shares.Pairs(pairs))
            assert found == pytest.approx(naive.listed_share(words, {naive.strip(word) for word in listed}, pairs), abs=1e-12)
    tokens = naive.tokens(text)
    assert repetition.top_gram_characters(view.tokens, n) == naive.top_gram_characters(tokens, n)
    assert repetition.repeated_gram_characters(view.tokens, n) == naive.repeated_gram_characters(tokens, n)


@pytest.mark.parametrize(("language", "text"), DOCUMENTS)
def test_real_text(language: str, text: str) -> None:
    check_words(text)
    for n in (1, 2, 3, 5, 7, 10):
        check_measures(text, n)


def test_the_texts_are_of_many_languages() -> None:
    assert len(ARTICLE_1) >= 12


@settings(deadline=None, max_examples=300)
@given(texts)
def test_words_of_any_text(text: str) -> None:
    check_words(text)


@settings(deadline=None, max_examples=300)
@given(texts, st.integers(1, 11))
def test_measures_of_any_text(text: str, n: int) -> None:
    check_measures(text, n)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from("abc"), max_size=60).map(" ".join), st.integers(1, 4))
def test_repetition_of_few_words_in_every_order(text: str, n: int) -> None:
    """Three words in random order repeat in every way that a scan from left to right can trip over."""
    check_measures(text, n)


def test_a_long_text_has_no_false_repetition() -> None:
    """All pairs of 1,200 numbers: 1.4 million distinct words. Hashes that fell together would show as repetition."""
    text = " ".join(f"{chr(97 + a % 26)}{a}x{b}z" for a in range(300) for b in range(300))
    assert repetition.word_repetition(TextView(text).words(False), 1) == 0.0
    assert repetition.word_repetition(TextView(text).words(False), 3) == 0.0
