"""Copies and templates within a source, against a plain count."""

from __future__ import annotations

import re
import string
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_pipeline.dedup.normal import only_letters
from data_pipeline.keys import key_of, keys_of
from tests.data_pipeline.steps.conftest import cleaned, document

FOOTER = "All rights reserved, no part may be copied."


def test_copies_are_told_by_their_letters(tmp_path: Path) -> None:
    texts = ["Page 1: the text.", "page 1: the text.", "Page 2 -- the\n text!", "12 34", "12 35", " 12 34 ", "Page 3: another."]
    kept, (tally,) = cleaned("dedup_document", texts, tmp_path)
    assert kept == ["Page 1: the text.", "page 1: the text.", "12 34", "12 35", "Page 3: another."]
    assert tally.dropped == {"copy": 2}


@settings(deadline=None)
@given(st.text())
def test_letters_are_what_the_published_expression_leaves(text: str) -> None:
    published = re.sub(rf"\s+|\d+|[{re.escape(string.punctuation)}]", "", text)
    assert only_letters(text) == (published or text.strip())


def test_the_first_document_of_an_address_stays(tmp_path: Path) -> None:
    urls = ["https://a.b/c?d=1", "https://a.b/c/#e", "https://a.b/C", None, "", "https://a.b/c"]
    documents = [document(f"text {number}", number, url=url) for number, url in enumerate(urls)]
    kept, (tally,) = cleaned("dedup_document_on_url", documents, tmp_path)
    assert kept == ["text 0", "text 2", "text 3", "text 4"]
    assert tally.dropped == {"copy": 2}


def test_a_template_line_goes_from_every_document_of_the_source(tmp_path: Path) -> None:
    texts = [f"  title {number}\n\n  own text of page {number} \n {FOOTER} \nshort" for number in range(10)]
    kept, (tally,) = cleaned("dedup_template_soft", texts, tmp_path)
    assert kept == [f"  title {number}\n\n  own text of page {number} \nshort" for number in range(10)]
    assert tally.changed == 10
    assert cleaned("dedup_template_soft", texts[:9], tmp_path)[0] == texts[:9]


def test_newspapers_lose_every_line_that_occurs_twice_and_keep_their_empty_lines(tmp_path: Path) -> None:
    texts = ["one\n\nread more\n\nend", "two\n\nread more"]
    assert cleaned("dedup_pseudocrawl_newspapers", texts, tmp_path)[0] == ["one\n\n\nend", "two\n"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(st.sampled_from(["a", "b ", " c", "dd", ""]), max_size=5).map("\n".join), max_size=8), st.integers(2, 4))
def test_lines_against_a_plain_count(tmp_path: Path, texts: list[str], least: int) -> None:
    counts = Counter(line.strip() for text in texts for line in text.split("\n"))
    expected = ["\n".join(line for line in text.split("\n") if not line.strip() or counts[line.strip()] < least) for text in texts]
    assert cleaned(f"dedup_pseudocrawl_newspapers: {{least: {least}}}", texts, tmp_path)[0] == expected


@settings(deadline=None)
@given(st.lists(st.text()))
def test_keys_are_both_halves_of_a_hash(texts: list[str]) -> None:
    high, low = keys_of(iter(texts))
    assert [int(a).to_bytes(8, "little") + int(b).to_bytes(8, "little") for a, b in zip(high, low, strict=True)] == list(map(key_of, texts))


def test_a_text_of_half_characters_has_a_key() -> None:
    assert key_of("\ud800") != key_of("\ud801")
