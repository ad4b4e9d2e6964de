"""How a page says steps, and what it is told when it says them wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_pipeline.mixture import load_mixture
from data_pipeline.steps import STEPS
from orchestrator.errors import PageError
from tests.data_pipeline.steps.conftest import steps_of

GOOD = """
sources:
  - {name: one, kind: files, paths: one.txt, weight: 1, language: fr, steps: [dedup_document, quality]}
  - {name: two, kind: files, paths: two.txt, weight: 1}
steps:
  - uniform_whitespace
  - filter_small_docs_bytes: {bytes: 1KB}
  - quality: {language: en, thresholds: {stop_words: 0.2}, stop_words: lists/mine.txt}
tokenizer: {train: byte_bpe, vocab_size: 300}
"""


def test_every_step_is_called_as_its_file_and_says_what_it_is_for() -> None:
    assert len(STEPS.names()) >= 15
    for name in STEPS.names():
        step = STEPS.get(name)
        assert step.model_fields["step"].annotation.__args__ == (name,)  # type: ignore[union-attr]


def test_a_sources_own_steps_come_before_the_pages(tmp_path: Path) -> None:
    (tmp_path / "page.yaml").write_text(GOOD)
    mixture = load_mixture(tmp_path / "page.yaml")
    one, two = ([step.step for step in (*source.steps, *mixture.steps)] for source in mixture.sources)
    assert one == ["dedup_document", "quality", "uniform_whitespace", "filter_small_docs_bytes", "quality"]
    assert two == ["uniform_whitespace", "filter_small_docs_bytes", "quality"]
    assert mixture.steps[1].bytes == 1000  # type: ignore[attr-defined]


def test_paths_of_a_step_start_at_the_pages_folder(tmp_path: Path) -> None:
    (tmp_path / "page.yaml").write_text(GOOD)
    assert load_mixture(tmp_path / "page.yaml").steps[2].stop_words == str(tmp_path / "lists/mine.txt")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("- uniform_whitespace", "- uniform_whitespaces", r"page.yaml:6:\d+: steps\[0\]: unknown step 'uniform_whitespaces' \(there are: .*\n    fix: write `uniform_whitespace`"),
        ("- quality: {language: en,", "- qualty: {language: en,", r"page.yaml:8:\d+: steps\[2\]: unknown step 'qualty'.*\n    fix: write `quality`"),
        ("[dedup_document, quality]", "[dedup_documents]", r"sources\[0\].steps\[0\]: unknown step"),
        ("{language: en, thr", "{langage: en, thr", r"page.yaml:8:\d+: steps\[2\].quality.langage: unknown key; this section knows .*\n    fix: write `language`"),
        ("stop_words: 0.2}", "stopwords: 0.2}", r"steps\[2\].quality.thresholds.stopwords: unknown key.*\n    fix: write `stop_words`"),
        ("stop_words: 0.2}", "stop_words: 2}", r"steps\[2\].quality.thresholds.stop_words: expected at most 1, found 2"),
        ("{bytes: 1KB}", "{bytes: some}", r"steps\[1\].filter_small_docs_bytes.bytes: expected a size, found 'some'"),
        ("- filter_small_docs_bytes: {bytes: 1KB}", "- filter_small_docs_bytes", r"steps\[1\]: step 'filter_small_docs_bytes' needs bytes\n    fix: write `- filter_small_docs_bytes: {bytes: ...}`"),
        ("- uniform_whitespace", "- 8", r"steps\[0\]: expected the name of a step"),
        ("language: en, thr", "thr", r"step quality of source 'two' needs a language\n    fix: write `language: en` at the source"),
        ("language: fr", "language: French", r"sources\[0\].language"),
    ],
)  # fmt: skip
def test_a_bad_page_is_told_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    (tmp_path / "page.yaml").write_text(GOOD.replace(old, new))
    with pytest.raises(PageError, match=message):
        load_mixture(tmp_path / "page.yaml")


def test_a_step_without_a_language_that_needs_none_is_good() -> None:
    assert [step.step for step in steps_of("remove_long_words: {longest: 30}")] == ["remove_long_words"]
