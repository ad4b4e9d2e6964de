"""Steps that see their whole source first: copies and templates, against a plain count."""

from __future__ import annotations

import random
import re
import string
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from data_pipeline.spool import Spool
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_pipeline import keys
from data_pipeline.keys import Keys, key_of
from data_pipeline.steps.dedup_document import letters_of
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
    assert letters_of(document(text)) == (published or text.strip())


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


@pytest.mark.parametrize("in_memory", [1, 7, 64, 10_000])
def test_keys_in_files_are_counted_as_in_memory(tmp_path: Path, in_memory: int) -> None:
    chance = random.Random(in_memory)
    names = [str(chance.randrange(200)) for _ in range(900)]

    def collected() -> Keys:
        made = Keys(tmp_path, in_memory)
        for start in range(0, len(names), 50):
            made.add(key_of(name) for name in names[start : start + 50])
        return made

    seen: set[str] = set()
    expected = [name in seen or seen.add(name) is not None for name in names]
    assert collected().copies().tolist() == expected
    counts = Counter(names)
    asked = [str(number) for number in range(250)]
    assert collected().frequent(6).holds([key_of(name) for name in asked]) == [counts[name] >= 6 for name in asked]
    assert list(tmp_path.iterdir()) == []


def test_no_key_at_all(tmp_path: Path) -> None:
    assert Keys(tmp_path).copies().size == 0
    assert Keys(tmp_path).frequent(2).holds([key_of("a")]) == [False]


def test_a_spool_gives_back_what_was_added_from_memory_and_from_a_file(tmp_path: Path) -> None:
    documents = [document("é\n\u2028\r\n" * number, number, url="x", nested={"a": [1]}) for number in range(1, 30)]
    spool = Spool(tmp_path, in_memory=40)
    for entry in documents:
        spool.add(entry)
    assert list(spool.documents()) == documents == list(spool.documents())
    assert len(list(tmp_path.iterdir())) == 1
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_what_is_decided_does_not_depend_on_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"text {number % 40}" for number in range(200)] + ["line\nmore"] * 3
    said = "dedup_document, {dedup_template_soft: {shortest: 1, least: 3}}"
    expected = cleaned(said, texts, tmp_path)
    monkeypatch.setattr(keys, "_IN_MEMORY", 16)
    monkeypatch.setattr(Keys.__init__, "__defaults__", (16,))
    monkeypatch.setattr(Spool.__init__, "__defaults__", (50,))
    assert cleaned(said, texts, tmp_path) == expected
    assert np.all([path.suffix != ".zst" for path in tmp_path.iterdir()])
