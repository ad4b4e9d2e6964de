"""The classes of characters."""

from __future__ import annotations

import pytest

from data_pipeline.measures.characters import (
    SPECIAL,
    STRIPPED,
    UNLIKE,
    small_letters,
    special_characters,
    stripped_characters,
    table,
)


def test_the_special_characters_are_those_published() -> None:
    """1,599 single characters: 48 of ASCII's punctuation, digits and white space, a list, and emoji 1.6.1."""
    found = special_characters()
    assert len(found) == 1599
    assert set("!~0 \t\n’—。،😀✓ø上ه") <= found
    assert not set("abzéÅЖہ你") & found


def test_words_do_not_lose_letters_or_vowel_signs_at_their_ends() -> None:
    """In the published set an Arabic heh, a Cyrillic ghe and vowel signs of Hindi were stripped from words."""
    assert not set("هГøıπाी्ेツ上士一") & stripped_characters()
    assert stripped_characters() - special_characters() == {"ⓜ"}


def test_stripping_and_small_letters_can_change_places() -> None:
    """Words are found in the small-letter text; none appears or vanishes by that. For every character there is."""
    kept = (table() & STRIPPED) == 0
    for point in range(0x110000):
        small = chr(point).lower()
        if small != chr(point):
            assert any(kept[ord(char)] for char in small) == kept[point], hex(point)


def test_the_table_has_every_small_letter() -> None:
    """Each character in a word of its own, so that one which depends on its neighbours would show."""
    points = [point for point in range(0x110000) if chr(point) not in UNLIKE]
    lowered = "".join(f"a{chr(point)} " for point in points).lower()
    assert lowered == "".join(f"a{chr(small)} " for small in small_letters()[points].tolist())
    assert [len(char.lower()) for char in UNLIKE] == [2, 1]


@pytest.mark.parametrize("char", ["a", "你", "\u0301", "\ud800"])
def test_letters_are_not_special(char: str) -> None:
    assert not table()[ord(char)] & SPECIAL
