"""The quality filter of ROOTS: planted documents of every kind, limits, languages, what cannot be checked."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from data_pipeline.measures.languages import confidence, identifies, identify
from data_pipeline.measures.perplexity import normalised
from data_pipeline.measures.thresholds import PUBLISHED, thresholds_of
from data_pipeline.steps.quality import Limits
from orchestrator.errors import PageError
from tests.data_pipeline.measures.texts import ARTICLE_1
from tests.data_pipeline.steps.conftest import cleaned, document, steps_of
from tests.data_pipeline.steps.test_alternatives import prose

ENGLISH = " ".join(ARTICLE_1["en"].split()) + " " + prose(1)
SPAM = "buy cheap watches online now best price " * 12


def reasons(said: str, text: str, folder: Path, language: str | None = "en", **meta: Any) -> list[str]:
    _, (tally,) = cleaned(said, [document(text, **meta)], folder, language)
    return list(tally.dropped)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ENGLISH, []),
        ("Too short a text.", ["words"]),
        ("= | 12.5 | 13.0 | 0.01 |\n" * 30 + "a b c d e f g h i j k l m n o p q r s t u v w", ["special_characters"]),
        ("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi psi omega", ["language"]),
        (SPAM, ["word_repetition"]),
        ((ARTICLE_1["en"] + " ") * 4, ["word_repetition"]),
        (ENGLISH + " the" * 400, ["word_repetition"]),
        (ENGLISH + " " + "ha" * 400, ["character_repetition"]),
        (" ".join(ARTICLE_1["de"].split()), ["language"]),
    ],
)  # fmt: skip
def test_planted_documents(tmp_path: Path, text: str, reason: list[str]) -> None:
    assert reasons("quality", text, tmp_path) == reason


@pytest.mark.parametrize("language", ["en", "fr", "es", "pt", "ca", "eu", "id", "ru", "de", "tr"])
def test_prose_of_other_languages_is_kept_under_its_own_label_only(tmp_path: Path, language: str) -> None:
    text = ARTICLE_1[language]
    said = "quality: {skip: [word_repetition, character_repetition]}"
    assert reasons(said, text, tmp_path, language) == []
    other = "en" if language != "en" else "fr"
    assert reasons(said, text, tmp_path, other) == ["language"]


def test_a_script_without_spaces_is_measured_by_characters(tmp_path: Path) -> None:
    assert reasons("quality", ARTICLE_1["zh"], tmp_path, "zh") == []
    assert reasons("quality: {skip: [stop_words]}", ARTICLE_1["ja"], tmp_path, "zhs") == ["language"]


def test_limits_of_the_page_replace_the_published_ones(tmp_path: Path) -> None:
    assert reasons("quality: {thresholds: {min_words: 1000}}", ENGLISH, tmp_path) == ["words"]
    assert reasons("quality: {thresholds: {stop_words: 0.99}}", ENGLISH, tmp_path) == ["stop_words"]
    assert reasons("quality: {skip: [words], thresholds: {min_words: 1000}}", ENGLISH, tmp_path) == []


def test_every_limit_of_a_page_is_one_of_the_published() -> None:
    names = set(type(PUBLISHED["en"]).__dataclass_fields__)
    assert set(Limits.model_fields) == names - {"pairs", "longest_word"}
    assert len(PUBLISHED) == 13


@pytest.mark.parametrize(
    ("language", "name", "value"),
    [
        ("en", "character_repetition", 0.106), ("fr", "stop_words", 0.27), ("ur", "word_gram", 7), ("zh", "character_gram", 3),
        ("zht", "max_words", 1_000_000), ("pt", "word_repetition", 0.98), ("vi", "pairs", " "), ("sw", "min_words", 10), ("ko", "stop_words", 0.006), ("ja", "word_gram", 10), ("de", "stop_words", 0.1),
        ("eu", "longest_word", 28), ("hi", "language_score", 0.9), ("bn", "flagged_words", 0.001), ("ar", "perplexity", 2300),
    ],
)  # fmt: skip
def test_limits_published_and_measured(language: str, name: str, value: object) -> None:
    assert getattr(thresholds_of(language), name) == value


def test_documents_can_each_say_their_language(tmp_path: Path) -> None:
    said = "quality: {language_field: lang, skip: [word_repetition]}"
    assert reasons(said, ARTICLE_1["fr"], tmp_path, None, lang="fr") == []
    assert reasons(said, ARTICLE_1["pt"], tmp_path, None, lang="pt-BR") == []
    assert reasons(said, ARTICLE_1["fr"], tmp_path, None, lang="en") == ["language"]
    assert reasons(said, ARTICLE_1["fr"], tmp_path, None) == ["no language"]


def test_what_cannot_be_checked_is_said() -> None:
    (step,) = steps_of("quality", "fon")
    assert step.notes("fon") == [
        "no stop words for 'fon'; not checked",
        "no file of flagged words is named; not checked",
        "the identifier does not know 'fon'; the source's word is trusted",
    ]
    (step,) = steps_of("quality: {skip: [stop_words, flagged_words, language]}", "fon")
    assert step.notes("fon") == []


def test_words_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "flagged.txt").write_text("# mine\nBrotherhood\nconscience.\n")
    (step,) = steps_of("quality: {flagged_words: flagged.txt}", "en")
    step = step.anchored(tmp_path)
    before = step.signature()
    assert step.begin("en")(document(ENGLISH)).reason == "flagged_words"  # type: ignore[union-attr]
    (tmp_path / "flagged.txt").write_text("obscenity\n")
    assert step.signature() != before
    assert step.begin("en")(document(ENGLISH)) == ENGLISH
    (tmp_path / "flagged.txt").unlink()
    with pytest.raises(PageError, match="there is no such file"):
        step.signature()


def test_all_measures_of_all_documents_when_the_report_wants_them(tmp_path: Path) -> None:
    _, (tally,) = cleaned("quality: {report: true}", [ENGLISH, "Too short."], tmp_path, "en")
    assert tally.dropped == {"words": 1}
    assert set(tally.measures) == {
        "words", "special_characters", "stop_words", "word_repetition", "character_repetition", "language",
    }  # fmt: skip
    (step,) = steps_of("quality: {report: true}", "en")
    assert step.merged([tally.measures])["words"]["0.01"] == 2
    assert cleaned("quality", [ENGLISH], tmp_path, "en")[1][0].measures == {}


def test_the_identifier_looks_at_begin_middle_and_end() -> None:
    assert identify(ARTICLE_1["fr"])[0] == "fr"
    page = prose(1, sentences=40)
    assert confidence(page, "en") > 0.95
    assert confidence(page[:300] + ARTICLE_1["ru"] * 9, "en") < 0.8


def test_languages_that_hardly_differ_are_one_to_the_identifier() -> None:
    """It takes the Indonesian article for Malay."""
    assert identify(ARTICLE_1["id"])[0] == "ms"
    assert confidence(ARTICLE_1["id"], "id") > 0.7


def test_which_languages_are_known() -> None:
    assert [language for language in ("fr", "zht", "ki", "ak") if identifies(language)] == ["fr", "zht", "ki"]


class Pieces:
    def load(self, path: str) -> None:
        assert path.endswith("sp.model")

    def encode_as_pieces(self, line: str) -> list[str]:
        return line.split()


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Stand-ins for both packages: every piece has probability 1/10, the end of a line as well."""
    model = SimpleNamespace(score=lambda line: -(len(line.split()) + 1))
    monkeypatch.setitem(sys.modules, "kenlm", SimpleNamespace(Model=lambda path: model))
    monkeypatch.setitem(sys.modules, "sentencepiece", SimpleNamespace(SentencePieceProcessor=Pieces))
    for name in ("lm.bin", "sp.model"):
        (tmp_path / name).touch()
    return f"perplexity: {{kenlm: {tmp_path}/lm.bin, sentencepiece: {tmp_path}/sp.model}}"


def test_perplexity_where_models_are_named(models: str, tmp_path: Path) -> None:
    """Ten equally likely pieces: a perplexity of ten, on as many lines as one likes."""
    assert reasons(f"quality: {{{models}}}", ENGLISH, tmp_path) == []
    assert reasons(f"quality: {{{models}, thresholds: {{perplexity: 9.9}}}}", ENGLISH, tmp_path) == ["perplexity"]
    assert reasons(f"quality: {{{models}, thresholds: {{perplexity: 10.001}}}}", ENGLISH, tmp_path) == []


def test_text_for_the_language_model_keeps_its_lines_and_its_digits() -> None:
    """The published normalisation removed line feeds as control characters and made a quotation mark of a full-width 1."""
    assert normalised("a\n“１２”\x07…") == 'a\n"00"...'
