"""Program text, running text, sentences and advertising: equal to plain counting, and told apart."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.measures.structure import Structure
from data_pipeline.measures.view import TextView
from data_pipeline.steps import Drop
from tests.data_pipeline.measures import naive
from tests.data_pipeline.measures.texts import ARTICLE_1, DOCUMENTS
from tests.data_pipeline.steps.conftest import cleaned, document, steps_of
from tests.data_pipeline.steps.test_alternatives import BUILT, prose

CODE = inspect.getsource(inspect)
PIECES = ["word ", "a = b(c);\n", "// note\n", " * x\n", "\n", "A sentence of some words.", "你好。", "สวัสดี ", "!", "$9 ", "SHOUT ", "http://x ", "한국어", "\u00a0", "| - |\n", "İ", "“x”", "/* "]


def check(text: str) -> None:
    found = Structure(TextView(text))
    assert found.code == pytest.approx(naive.code_share(text), abs=1e-12)
    assert found.running == pytest.approx(naive.running_share(text), abs=1e-12)
    assert found.sentence == pytest.approx(naive.words_a_sentence(text), abs=1e-9)
    assert found.advertising == pytest.approx(naive.advertising(text), abs=1e-12)


@pytest.mark.parametrize("text", [*BUILT, *(text for _, text in DOCUMENTS), CODE[:5000]])
def test_real_text(text: str) -> None:
    check(text)


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=60).map("".join)))
def test_any_text(text: str) -> None:
    check(text)


MENU = "\n".join(f"{name} {number}" for number in range(9) for name in ("Home", "About us", "Contact", "Log in", "News", "Imprint", "Search the site"))
KEYWORDS = " ".join(f"{chr(97 + number % 23)}key{chr(97 + number * 7 % 19)}word {chr(97 + number * 11 % 26)}phone" for number in range(300))
ADS = "Get Omega today for only $49! SAVE 50% now at www.best.com! " * 3 + "Do not wait, ORDER! " * 9


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (CODE[2000:6000], "code"), (prose(1) + "\n" + CODE[9000:12000], "code"), (MENU, "boilerplate"), (ADS, "advertising"), (KEYWORDS, "keywords"),
        ("one phrase of some words again " * 40, "repeated phrases"), (prose(2, 40), None), ("\n".join(ARTICLE_1.values()), None), (prose(3) + "\n{x} = y;\n" + prose(4), None),
    ],
)  # fmt: skip
def test_each_kind_is_dropped_for_its_own_reason(tmp_path: Path, text: str, reason: str | None) -> None:
    _, (tally,) = cleaned("running_text", [text], tmp_path)
    assert list(tally.dropped) == ([reason] if reason else [])


@pytest.mark.parametrize("language", ARTICLE_1)
def test_prose_is_running_text_in_every_script(language: str) -> None:
    text = "\n".join([ARTICLE_1[language]] * 2)
    (step,) = steps_of("running_text")
    assert not isinstance(step.begin(language)(document(text)), Drop)


def test_rows_of_signs_are_no_program_text_and_no_menu() -> None:
    text = "+----+----+\n| 12 | 34 |\n" * 20
    found = Structure(TextView(text))
    assert found.code == 0
    assert found.running == 1
