"""Text that stood before is cut: against `bytes.find` over all documents, and what must hold of any text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.steps import Drop, Outcome
from data_pipeline.steps.repeated_substrings import RepeatedSubstrings
from tests.data_pipeline.measures.texts import DOCUMENTS
from tests.data_pipeline.steps.conftest import document
from tests.data_pipeline.steps.run_wide import run_wide

PIECES = st.sampled_from(["abcdefgh", "the same words", "é ü ß ", "日本語の文", "aaaa", "xy", "\n", "😀😀", "0123456789"])
TEXTS = st.lists(st.one_of(st.lists(PIECES, max_size=8).map("".join), st.text("abé", max_size=40)), max_size=6)


def cut(texts: list[str], size: int = 8, **options: int) -> list[Outcome]:
    step = RepeatedSubstrings(step="repeated_substrings", bytes=size, **options)
    return run_wide(step, [document(text, number) for number, text in enumerate(texts)])[0]


def left(outcome: Outcome) -> str:
    return "" if isinstance(outcome, Drop) else outcome


def plainly_cut(texts: list[str], size: int) -> list[bytes]:
    """What is left of each text by the definition: every window is looked for in all that stands before it."""
    data = [text.encode() for text in texts]
    later = [np.zeros(len(one), bool) for one in data]
    first = [np.zeros(len(one), bool) for one in data]
    for number, one in enumerate(data):
        for at in range(len(one) - size + 1):
            window = one[at : at + size]
            place, where = next((place, found) for place, other in enumerate(data) if (found := other.find(window)) >= 0)
            if (place, where) != (number, at):
                later[number][at : at + size] = True
                first[place][where : where + size] = True
    return [_characters(one, first[number] | ~later[number]) for number, one in enumerate(data)]


def _characters(data: bytes, kept: np.ndarray) -> bytes:
    found, at = b"", 0
    for char in data.decode():
        size = len(char.encode())
        found += char.encode() if kept[at : at + size].any() else b""
        at += size
    return found


@settings(deadline=None, max_examples=150)
@given(TEXTS, st.integers(8, 14))
def test_what_is_cut_is_what_a_plain_search_finds(texts: list[str], size: int) -> None:
    expected = [one.decode() for one in plainly_cut(texts, size)]
    found = cut(texts, size)
    assert [left(outcome) for outcome in found] == [text if text.strip() or text == before else "" for text, before in zip(expected, texts, strict=True)]


def test_what_is_cut_of_real_texts_is_what_a_plain_search_finds() -> None:
    real = [text[:1500] for _, text in DOCUMENTS[:30]]
    texts = [*real[:20], real[3][200:900] + real[7][:400], real[25] + real[2][100:300], real[4], real[5][1:] + real[5]]
    assert [left(outcome).encode() for outcome in cut(texts, 50)] == plainly_cut(texts, 50)


@settings(deadline=None)
@given(TEXTS)
def test_nothing_is_lost_but_what_still_stands_where_it_did_first(texts: list[str]) -> None:
    """Each window of the input that occurs several times is in the output, in the document where it stood first."""
    size = 9
    outcomes = [left(outcome).encode() for outcome in cut(texts, size)]
    seen: dict[bytes, int] = {}
    again = set()
    for number, text in enumerate(texts):
        data = text.encode()
        for window in (data[at : at + size] for at in range(len(data) - size + 1)):
            if window in seen:
                again.add(window)
            seen.setdefault(window, number)
    for window in again:
        assert window in outcomes[seen[window]] or not outcomes[seen[window]].strip()


@settings(deadline=None)
@given(TEXTS)
def test_texts_without_a_repeated_window_are_not_touched(texts: list[str]) -> None:
    data = [text.encode() for text in texts]
    windows = [one[at : at + 12] for one in data for at in range(len(one) - 11)]
    if len(set(windows)) == len(windows):
        assert cut(texts, 12) == texts


@settings(deadline=None)
@given(TEXTS, st.integers(2, 9))
def test_it_does_not_matter_how_the_keys_are_divided(texts: list[str], ranges: int) -> None:
    step = RepeatedSubstrings(step="repeated_substrings", bytes=8)
    documents = [document(text, number) for number, text in enumerate(texts)]
    (expected, marks), (found, again) = run_wide(step, documents), run_wide(step, documents, ranges=ranges)
    assert found == expected
    assert np.array_equal(marks, again)


def test_the_first_occurrence_stays_and_a_copy_goes_wholly() -> None:
    shared = "This notice stands under each and every page of the manual. "
    texts = ["one " + shared + "end", shared + "two", "3: " + shared, shared, shared + shared]
    assert cut(texts, 50)[:3] == [texts[0], "two", "3:"]
    assert cut(texts, 50)[3:] == [Drop("repeated text")] * 2


def test_a_run_of_one_letter_is_left_once() -> None:
    assert cut(["-" * 200, "a" + "-" * 80], 50) == ["-" * 50, "a"]


def test_characters_are_not_split() -> None:
    """The common bytes begin within a character: both letters begin with the byte 0xC3."""
    texts = ["é" + "x" * 7 + "Ã", "ü" + "x" * 7 + "Á"]
    assert cut(texts, 8) == [texts[0], "üÁ"]
    texts = ["1" + "日" * 20 + "2", "3" + "日" * 20 + "4"]
    assert cut(texts, 50) == ["1" + "日" * 18 + "2", "34"]


def test_short_documents_are_left_alone() -> None:
    texts = ["0123456789" * 3, "x" + "0123456789", "0123456789abcdefghijklmnop"]
    assert cut(texts, 10, shortest_document=20)[1:] == [texts[1], "abcdefghijklmnop"]


@pytest.mark.parametrize("text", ["", "   ", "\ud800 lone \udfff" * 9])
def test_texts_without_letters_or_with_half_characters_pass(text: str) -> None:
    assert left(cut([text], 50)[0]) in text
