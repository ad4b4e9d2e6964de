"""Words and n-grams against the expression `\\w+` and plain sets."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.dedup import shingles
from data_pipeline.dedup.shingles import shingles_of, words_of
from data_pipeline.measures.view import TextView
from tests.data_pipeline.measures.texts import DOCUMENTS


def words(text: str) -> list[str]:
    spans = words_of(TextView(text)).spans
    small = text.lower()
    return [small[start:end] for start, end in zip(spans.starts.tolist(), spans.ends.tolist(), strict=True)]


@settings(deadline=None)
@given(st.text(st.characters(max_codepoint=0x5FF)))
def test_in_scripts_with_spaces_words_are_those_of_the_expression(text: str) -> None:
    assert words(text) == "".join(char if re.match(r"\w", char) or unicodedata.category(char)[0] == "M" else " " for char in text.lower()).split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" .,", []),
        ("Don't, x86_64!", ["don", "t", "x86_64"]),
        ("1 + 2 = 3", ["1", "2", "3"]),
        ("使用Python3吧", ["使", "用", "python3", "吧"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("가나 다", ["가나", "다"]),
    ],
)
def test_in_scripts_without_spaces_a_character_is_a_word(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_n_grams_of_real_texts_are_equal_where_their_words_are() -> None:
    seen: dict[tuple[str, ...], int] = {}
    for _, text in DOCUMENTS:
        found = words(text)
        hashes = shingles_of(text, 5).tolist()
        assert len(hashes) == max(0, len(found) - 4)
        for place, shingle in enumerate(hashes):
            assert seen.setdefault(tuple(found[place : place + 5]), shingle) == shingle
    assert len(set(seen.values())) >= len(seen) - 1


@pytest.mark.parametrize("piece", [1, 7, 100])
def test_long_texts_are_split_in_pieces_that_nobody_sees(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    texts = [text for _, text in DOCUMENTS] + ["", " ", "no blank in it".replace(" ", ""), "a " * 50]
    expected = [shingles_of(text, 3) for text in texts]
    monkeypatch.setattr(shingles, "_PIECE", piece)
    for text, hashes in zip(texts, expected, strict=True):
        assert np.array_equal(shingles_of(text, 3), hashes)
