"""The card: files with their checksums, columns of the tables; and mlcommons' own reader takes it, where it is installed."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_pipeline.prepared import Prepared
from data_pipeline.report import write_report
from data_pipeline.report.croissant import croissant
from tests.data_pipeline.report.facts import facts

ROWS = {
    "id": ["a", "b"], "source": ["notes", "notes"], "path": ["a.txt", "b.txt"], "licence": ["MIT", "MIT"], "language": ["en", "en"],
    "changed_by": [["quality"], []], "hash": ["0" * 32, "1" * 32], "tokens": [5, 7], "start": [0, 5], "meta": ["{}", "{}"],
}  # fmt: skip


@pytest.fixture
def prepared(small: Prepared, tmp_path: Path) -> Prepared:
    """The small mixture with one table of documents."""
    folder = Path(shutil.copytree(small.folder, tmp_path / "prepared"))
    name = f"shards/{small.sources[0].name}/train-00000.parquet"
    pq.write_table(pa.table(ROWS), folder / name)
    content = (folder / name).read_bytes()
    others = {key: value for key, value in small.files.items() if not key.endswith(".parquet")}
    return replace(small, folder=folder, files={**others, name: (len(content), hashlib.sha256(content).hexdigest())})


def test_every_file_is_there_with_its_checksum(prepared: Prepared, tmp_path: Path) -> None:
    card = croissant(prepared, facts(), tmp_path)
    files = [each for each in card["distribution"] if each["@type"] == "cr:FileObject"]
    assert {each["@id"] for each in files} == set(prepared.files)
    for each in files:
        content = (tmp_path / each["contentUrl"]).read_bytes()
        assert (each["contentSize"], each["sha256"]) == (f"{len(content)} B", hashlib.sha256(content).hexdigest())


def test_licences_languages_and_where_it_comes_from(prepared: Prepared, tmp_path: Path) -> None:
    card = croissant(prepared, facts(), tmp_path)
    assert (card["license"], card["inLanguage"], card["keywords"]) == (["CC-BY-4.0", "MIT"], ["fr"], ["python"])
    assert [each["name"] for each in card["prov:wasDerivedFrom"]] == ["news", "scripts"]
    assert "quality: kept 88 of 100 documents, changed 0; dropped 9 stop_words, 3 language" in card["rai:dataPreprocessingProtocol"]
    assert card["rai:personalSensitiveInformation"] == ["EMAIL: 4 replaced by tags", "IP_ADDRESS: 1 replaced by tags"]


def test_the_columns_are_those_of_the_tables(prepared: Prepared, tmp_path: Path) -> None:
    [records] = croissant(prepared, facts(), tmp_path)["recordSet"]
    kinds = {field["name"]: field["dataType"] for field in records["field"]}
    assert list(kinds) == list(ROWS)
    assert {name for name, kind in kinds.items() if kind == "sc:Integer"} == {"tokens", "start"}
    assert [field["name"] for field in records["field"] if field.get("isArray")] == ["changed_by"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of rdflib, which mlcroissant reads JSON-LD with
def test_mlcommons_reads_it(prepared: Prepared) -> None:
    """No error and no warning, and the table's rows come out of its reader."""
    mlc = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    card = prepared.folder / "card.json"
    card.write_text(json.dumps(croissant(prepared, facts(), prepared.folder)), "utf-8")
    read = mlc.Dataset(str(card))
    assert not read.metadata.ctx.issues.errors
    assert not read.metadata.ctx.issues.warnings
    rows = list(read.records("documents"))
    assert [row["documents/id"].decode() for row in rows] == ROWS["id"]
    assert [row["documents/tokens"] for row in rows] == ROWS["tokens"]


def test_it_is_json(prepared: Prepared) -> None:
    page, card = write_report(prepared, prepared.folder / "report.html")
    assert (page.name, card.name) == ("report.html", "report.croissant.json")
    assert json.loads(card.read_text("utf-8"))["identifier"] == prepared.fingerprint
