"""Gopher's, C4's and FineWeb's rules decide as published; on real text, on built text, on any text."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.steps import Drop
from tests.data_pipeline.measures import naive
from tests.data_pipeline.measures.texts import ARTICLE_1, DOCUMENTS
from tests.data_pipeline.steps import published
from tests.data_pipeline.steps.conftest import document, steps_of

SENTENCE = "It is well known that the order of samples, to be of use, must be a function of the seed and nothing else"


def prose(seed: int, sentences: int = 12) -> str:
    """Sentences of which no two are alike."""
    chance = random.Random(seed)
    words = sorted(set((SENTENCE + " " + ARTICLE_1["en"]).replace(",", "").replace(".", "").split()))
    made = [" ".join(chance.choices(words, k=chance.randint(8, 16))).capitalize() + "." for _ in range(sentences)]
    return "".join(line + ("\n" if number % 3 == 2 else " ") for number, line in enumerate(made)) + "The end of it, with all that we have."


BUILT = [
    *(prose(seed) for seed in range(4)),
    *(f"{prose(1)}\n{prose(1)}", f"{prose(2)}\n\n{prose(2)}\n\n{prose(3)}", SENTENCE * 20, (SENTENCE + ".\n") * 8),
    *("word " * 200, prose(3) + " #" * 40, prose(3) + " ..." * 60, "\n".join(f"- {SENTENCE} {n}." for n in range(30))),
    *("\n".join(f"{SENTENCE} {n}…" for n in range(9)), "1 2 3 4 " * 60, prose(5).replace("the", "thy").replace(" of ", " ")),
    *("a b c d e " * 30, "Donaudampfschifffahrtsgesellschaft " * 60, prose(6).replace(".", ""), "Short.\n" * 20),
    *(prose(7) + "\nlorem ipsum dolor sit amet.", prose(7) + "\nThis { is code here.", prose(8) + "\nEnable javascript to go on."),
    *(prose(9) + "\nWe use cookies on this page.", prose(9) + "\n" + "x" * 1200 + " is a long word.", prose(4) + " As said [12] [edit]."),
    *("Line one\nline two\nline three is a little longer than that.", "\n\n \n", "One. Two. Three. Four. Five words here."),
    "the more the more the more we do. " * 3 + prose(11),
]  # fmt: skip
TEXTS = [*BUILT, *(text for _, text in DOCUMENTS)]


def kept(step: str, text: str) -> str | None:
    outcome = steps_of(step)[0].begin(None)(document(text))
    return None if isinstance(outcome, Drop) else outcome


def check(text: str) -> None:
    if not text:
        return
    words = naive.tokens(text)
    assert (kept("gopher_repetition", text) is not None) == published.gopher_repetition(text, words)
    assert (kept("gopher_quality", text) is not None) == published.gopher_quality(text, words)
    assert (kept("fineweb_quality", text) is not None) == published.fineweb_quality(text, words)
    assert kept("c4", text) == published.c4(text)


@pytest.mark.parametrize("text", TEXTS)
def test_decisions_on_built_and_real_text(text: str) -> None:
    check(text)


def test_the_texts_meet_both_decisions_of_every_filter() -> None:
    """Else the comparison above would hold for a filter that keeps everything."""
    for step in ("gopher_repetition", "gopher_quality", "fineweb_quality", "c4"):
        decisions = [kept(step, text) is not None for text in BUILT]
        assert 4 <= sum(decisions) <= len(decisions) - 4, step


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(["a", "the", "of", "word.", "\n", "\n\n", "-", "•", "…", "...", "#", "{", "x" * 9, "é", SENTENCE + ". "]), max_size=90))
def test_decisions_on_any_order_of_pieces(pieces: list[str]) -> None:
    check(" ".join(pieces))


def test_words_sharing_letters_are_other_n_grams() -> None:
    """Joined, `ab c` and `a bc` are one; datatrove then finds a repetition that is none."""
    text = "ab c d e fg a bc d e fg"
    assert "".join(text.split()[:5]) == "".join(text.split()[5:])
    assert kept("gopher_repetition: {repeated_grams: {five: 0}, top_grams: {two: 1, three: 1, four: 1}}", text) == text


def test_english_stop_words_on_another_language_are_said() -> None:
    assert steps_of("gopher_quality")[0].notes("en") == steps_of("gopher_quality")[0].notes(None) == []
    assert steps_of("gopher_quality")[0].notes("fr") == ["its stop words are English, the source is said to be 'fr'"]
    assert steps_of("gopher_quality: {stop_words: [le, la]}")[0].notes("fr") == []
