"""Evaluation texts are found in documents as a naive set of n-grams finds them."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.measures.overlap import Overlap
from data_pipeline.steps import Drop
from orchestrator.errors import DataError
from tests.data_pipeline.measures import naive
from tests.data_pipeline.measures.texts import ARTICLE_1, DOCUMENTS
from tests.data_pipeline.steps.conftest import cleaned, document, steps_of
from tests.data_pipeline.steps.test_alternatives import prose

QUESTION = "Which of the following planets, in order of their distance from the sun, has been visited by the fewest spacecraft so far?"


def grams(text: str, n: int) -> list[tuple[str, ...]]:
    words = naive.character_words(text.replace("İ", "I"))
    return [tuple(words[place : place + n]) for place in range(len(words) - n + 1)]


def is_alone(text: str) -> bool:
    words = naive.character_words(text.replace("İ", "I"))
    alone = sum(naive.SCRIPTS_WITHOUT_SPACES.match(char) is not None and char.isalpha() for char in text)
    return 2 * alone > len(words)


def check(texts: list[str], text: str, n: int, characters: int) -> None:
    wanted: dict[int, dict[tuple[str, ...], int]] = {n: {}, characters: {}}
    for number, each in enumerate(texts):
        length = characters if is_alone(each) else n
        for gram in grams(each, length):
            wanted[length].setdefault(gram, number)
    expected = sorted(owners[gram] for length, owners in wanted.items() for gram in grams(text, length) if gram in owners)
    hits = Overlap(texts, n, characters, 10**6).hits(text)
    assert sorted(hits.owners.tolist()) == expected
    assert all(end > start for start, end in zip(hits.starts, hits.ends, strict=True))


def test_hits_of_real_texts_are_those_of_a_set_of_tuples() -> None:
    chance = random.Random(0)
    texts = [text for _, text in DOCUMENTS[::3]]
    for _, text in DOCUMENTS:
        start = chance.randrange(len(text))
        check(texts, text[start:] + " " + chance.choice(texts), 5, 12)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.lists(st.sampled_from(["a", "B", "c,", "你", "好。", "İ", "\n"]), max_size=20).map(" ".join), min_size=1, max_size=4), st.lists(st.sampled_from(["a", "b.", "C", "你", "好", "i"]), max_size=40).map(" ".join))
def test_hits_of_any_texts(texts: list[str], text: str) -> None:
    check(texts, text, 3, 4)


def sets(folder: Path) -> str:
    rows = [{"question": QUESTION, "answer": "Uranus, " + QUESTION[::-1]}, {"question": ARTICLE_1["zh"], "answer": "short"}]
    (folder / "mine.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return f"sets: [{{name: mine, paths: {folder}/mine.jsonl, fields: [question, answer]}}]"


def test_documents_that_hold_a_question_are_dropped_and_told(tmp_path: Path) -> None:
    texts = [prose(1), f"{prose(2)} {QUESTION.upper().replace(',', ' --')} {prose(3)}", f"某页。{ARTICLE_1['zh']}", "Which of the following planets has been visited?"]
    kept, (tally,) = cleaned(f"decontaminate: {{{sets(tmp_path)}}}", texts, tmp_path)
    assert kept == [texts[0], texts[3]]
    assert tally.dropped == {"in mine": 2}
    assert tally.notes == ["1 of 4 texts are shorter than an n-gram; not looked for"]
    found = tally.measures["mine"]
    assert found["documents"] == 2
    assert found["n-grams"] == 10 + 14  # 22 words, 39 characters
    assert [example["document"] for example in found["examples"]] == ["1", "2"]
    assert re.search(r"mine.jsonl:1$", found["examples"][0]["text"])


def test_what_is_shared_is_cut_out_with_what_stands_around_it(tmp_path: Path) -> None:
    before, after = prose(2), prose(3)
    said = f"decontaminate: {{{sets(tmp_path)}, action: cut}}"
    (text,), (tally,) = cleaned(said, [f"{before} {QUESTION} {after}"], tmp_path)
    assert text == before[:-199] + "\n" + after[200 - 2 :]
    assert tally.changed == 1
    assert cleaned(said, [f"A {QUESTION} b"], tmp_path)[1][0].dropped == {"in mine": 1}
    many = " ".join(f"{prose(seed)} {QUESTION}" for seed in range(12))
    assert cleaned(said, [many], tmp_path)[1][0].dropped == {"in mine": 1}


def test_a_limit_of_ones_own(tmp_path: Path) -> None:
    kept, _ = cleaned(f"decontaminate: {{{sets(tmp_path)}, least: 11}}", [QUESTION], tmp_path)
    assert kept == [QUESTION]
    kept, _ = cleaned(f"decontaminate: {{{sets(tmp_path)}, least: 10}}", [QUESTION], tmp_path)
    assert kept == []


def test_the_signature_follows_the_content_not_the_place(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (one,) = steps_of(f"decontaminate: {{{sets(tmp_path / 'a')}}}")
    (two,) = steps_of(f"decontaminate: {{{sets(tmp_path / 'b')}}}")
    content = one.signature()["content"]
    assert two.signature()["content"] == content
    (tmp_path / "a/mine.jsonl").write_text(json.dumps({"question": "another", "answer": "one"}))
    assert one.signature()["content"] != content


def test_relative_paths_start_at_the_pages_folder(tmp_path: Path) -> None:
    sets(tmp_path)
    (step,) = steps_of("decontaminate: {sets: [{name: mine, paths: mine.jsonl, fields: [question]}]}")
    assert isinstance(step.anchored(tmp_path).begin(None)(document(QUESTION)), Drop)


def test_a_set_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text('{"question": "a"}\n{"quest')
    (step,) = steps_of(f"decontaminate: {{sets: [{{name: mine, paths: {tmp_path}/mine.jsonl, fields: [question]}}]}}")
    with pytest.raises(DataError, match=r"evaluation set 'mine'.*not JSON"):
        step.begin(None)


def test_more_n_grams_than_memory_is_given_for(tmp_path: Path) -> None:
    (step,) = steps_of(f"decontaminate: {{{sets(tmp_path)}, most: 5}}")
    with pytest.raises(DataError, match="more than 5 n-grams after 1 texts; raise `most`"):
        step.begin(None)
