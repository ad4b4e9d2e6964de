"""ROOTS' cleaning operations: what each does to a document, the published oddities that were mended, the counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data_pipeline.steps.conftest import cleaned, document, steps_of

SMALL = "filter_small_docs_bytes: {bytes: 6}"
ADDRESSES = "remove_words_with_incorrect_substrings"


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        ("replace_newline_with_space", "a\nb\n\nc", "a b  c"),
        ("uniform_whitespace", "\u00a0a\u3000b\u202fc\u2009 d\ufffc\n", "a b c  d "),
        ("uniform_whitespace", "a  b\n\nc", "a  b\n\nc"),
        ("remove_lines_with_code", "text\nif (x) {\n}\nmore <script>\nend [if IE]\nlast", "text\nlast"),
        ("remove_lines_with_code", "a\n\nb", "a\n\nb"),
        ("remove_html_spans", "a\n<span>b</span>\nc<br>\nd", "a\nd"),
        (ADDRESSES, "see http://a.b/c now\n\n\nwww.x.y\nend", "see now\n\n\nend"),
        (ADDRESSES, "a//b  c\t(https://x.y) d", "c\td"),
        (ADDRESSES, "a   b\n\nno addresses, .com or // here", "a   b\n\nno addresses, .com or // here"),
        ("remove_long_words: {longest: 5}", "short abcdefgh end\n\nabcdefgh\nlast", "short end\n\nlast"),
        ("remove_long_words: {longest: 5}", '"((abcde))" ------- x', '"((abcde))" x'),
        ("remove_long_words: {language: zh}", "x" * 5000, "x" * 5000),
    ],
)
def test_what_a_step_makes_of_a_text(tmp_path: Path, step: str, before: str, after: str) -> None:
    texts, (tally,) = cleaned(step, [before], tmp_path)
    assert texts == [after]
    assert (tally.read, tally.kept, tally.changed) == (1, 1, int(before != after))


@pytest.mark.parametrize(
    ("step", "text", "meta", "reason"),
    [
        ("filter_remove_empty_docs", " \n\t\u3000", {}, "empty"),
        ("filter_remove_empty_docs", "", {}, "empty"),
        ("filter_remove_empty_docs", ".", {}, None),
        (SMALL, "12345", {}, "too small"),
        (SMALL, "123456", {}, None),
        (SMALL, "ééé", {}, None),
        (SMALL, "éé1", {}, "too small"),
        ("filter_small_docs", " ".join("a" * 14), {}, "too few words"),
        ("filter_small_docs", "a" + " " * 20 + "b", {}, "too few words"),
        ("filter_small_docs", "a\n" * 15, {}, None),
        ("filter_wiki_user_titles", "x", {"title": "User Jane"}, "user page"),
        ("filter_wiki_user_titles", "x", {"title": "User:Jane"}, "user page"),
        ("filter_wiki_user_titles", "x", {"title": "Users"}, None),
        ("filter_wiki_user_titles", "x", {}, None),
        ("filter_wiki_non_text_type", "x", {"type": "text"}, None),
        ("filter_wiki_non_text_type", "x", {"type": "redirect"}, "no text"),
        ("filter_wiki_non_text_type", "x", {}, "no type"),
    ],
)
def test_what_is_dropped_and_under_which_reason(
    tmp_path: Path, step: str, text: str, meta: dict[str, Any], reason: str | None
) -> None:
    texts, (tally,) = cleaned(step, [document(text, **meta)], tmp_path)
    assert texts == ([] if reason else [text])
    assert tally.dropped == ({reason: 1} if reason else {})


@given(st.text("ab /:.w\n\thtp", max_size=60))
def test_taking_words_out_never_touches_other_words(text: str) -> None:
    (step,) = steps_of("remove_words_with_incorrect_substrings: {substrings: [ht, ww]}")
    after = step.begin(None)(document(text))
    assert isinstance(after, str)
    expected = [word for word in text.split() if not any(part in word.strip("/:.") for part in ("ht", "ww"))]
    assert after.split() == expected


@given(st.text("ab(). \n\t", max_size=80), st.integers(1, 8))
def test_long_words_go_as_published(text: str, longest: int) -> None:
    """A word stays when it, or what is left of it without special characters at its ends, is short enough."""
    (step,) = steps_of(f"remove_long_words: {{longest: {longest}}}")
    after = step.begin(None)(document(text))
    assert isinstance(after, str)
    kept = [word for word in text.split() if len(word) <= longest or 0 < len(word.strip("().")) <= longest]
    assert after.split() == kept
