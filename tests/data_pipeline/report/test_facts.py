"""What is missing in a report is missing, not zero; a damaged one is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from data_pipeline.prepared import Prepared
from data_pipeline.report.facts import Facts, facts_of
from orchestrator.errors import DataError


def test_a_report_without_numbers_is_one() -> None:
    [source] = Facts.model_validate({"mixture": "m", "fingerprint": "f", "sources": {"a": {}}}).sources
    assert (source.name, source.read.documents, source.kept.bytes, source.tokens, source.personal_data, source.lengths) == ("a", None, None, None, None, None)


def test_the_report_of_a_prepared_folder(small: Prepared) -> None:
    facts = facts_of(small)
    assert (facts.mixture, facts.fingerprint) == (small.name, small.fingerprint)
    assert [source.name for source in facts.sources] == [source.name for source in small.sources]
    for said, prepared in zip(facts.sources, small.sources, strict=True):
        assert (said.train.tokens, said.validation.tokens) == (prepared.train_tokens, prepared.validation_tokens)
        assert said.kept.documents == prepared.documents
    assert sum(source.weight or 0 for source in facts.sources) == pytest.approx(1)


def test_a_damaged_report_is_refused(small: Prepared, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small.folder, tmp_path / "copy"))
    copy = replace(small, folder=folder)
    (folder / "report.json").write_text('{"sources": {"a": {"read": {"documents": "many"}}}}')
    with pytest.raises(DataError, match=r"report\.json is damaged.*documents.*prepare the mixture"):
        facts_of(copy)
    (folder / "report.json").unlink()
    with pytest.raises(DataError, match=r"report\.json is missing"):
        facts_of(copy)
