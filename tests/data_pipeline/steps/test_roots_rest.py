"""The operations that ROOTS used for single collections."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_pipeline.steps.strip_substrings_en_wiktionary import SENTENCES
from tests.data_pipeline.measures.texts import ARTICLE_1, DOCUMENTS
from tests.data_pipeline.steps.conftest import cleaned, steps_of


@pytest.mark.parametrize(
    ("language", "text", "sentences"),
    [
        ("en", "Mr. Smith met Dr. Jones at 5 p.m. on Monday.  It was fun! Was it?", ["Mr. Smith met Dr. Jones at 5 p.m. on Monday.", "It was fun!", "Was it?"]),
        ("fr", "Bonjour M. Dupont. Ça va ?", ["Bonjour M. Dupont.", "Ça va ?"]),
        ("zhs", ARTICLE_1["zh"], ["人人生而自由，在尊严和权利上一律平等。", "他们赋有理性和良心，并应以兄弟关系的精神相对待。"]),
        ("hi", "यह एक वाक्य है। यह दूसरा है।", ["यह एक वाक्य है।", "यह दूसरा है।"]),
        ("ar", ARTICLE_1["ar"], ["يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق.", "وقد وهبوا عقلاً وضميرًا وعليهم أن يعامل بعضهم بعضًا بروح الإخاء."]),
    ],
)
def test_sentences(tmp_path: Path, language: str, text: str, sentences: list[str]) -> None:
    assert cleaned("split_sentences", [text], tmp_path, language)[0] == ["\n".join(sentences)]


@pytest.mark.parametrize(("language", "text"), DOCUMENTS)
def test_splitting_changes_nothing_but_white_space(language: str, text: str, tmp_path: Path) -> None:
    (split,), _ = cleaned("split_sentences", [text], tmp_path, language)
    assert "".join(split.split()) == "".join(text.split())
    assert cleaned("split_sentences", [split], tmp_path, language)[0] == [split]


def test_splitting_needs_a_language() -> None:
    assert steps_of("split_sentences: {language: en}")
    assert steps_of("split_sentences", "en")[0].problem(None) == "needs a language"


def test_references_at_the_end_of_a_french_text(tmp_path: Path) -> None:
    body = ARTICLE_1["fr"]
    references = "\nRéférences\nDupont J., Martin P. Cahiers économiques, Paris, 1998.\nSmith A. Wealth of Nations, London, 1776."
    assert cleaned("remove_references_fr", [body + references], tmp_path)[0] == [body]
    assert cleaned("remove_references_fr", [f"{body}{references}\n{body}"], tmp_path)[0] == [f"{body}{references}\n{body}"]
    assert cleaned("remove_references_fr", [references], tmp_path)[0] == [""]


def test_lines_of_lost_encoding(tmp_path: Path) -> None:
    assert cleaned("remove_wiki_mojibake", ["à la carte\nÀ À À x\nÀ la"], tmp_path)[0] == ["à la carte\nÀ la"]


def test_requests_to_editors_are_cut_out_whole(tmp_path: Path) -> None:
    assert len(set(SENTENCES)) == 17
    texts = [f"cat {sentence}, noun" for sentence in SENTENCES]
    assert cleaned("strip_substrings_en_wiktionary", texts, tmp_path)[0] == ["cat , noun"] * 17
