"""A row for each document, found by number or by id, whole or not there at all, and readable by any reader of Parquet."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from data_pipeline import sidecar
from data_pipeline.sidecar import DocumentFacts, Sidecar, SidecarWriter, parquet_path
from orchestrator.errors import DataError


def facts(number: int) -> DocumentFacts:
    return DocumentFacts(
        id=f"notes:{number}é", source="notes", hash=f"{number:032x}", tokens=number % 7, start=2**33 + number,
        path=f"a/{number}.txt" if number % 2 else None, licence="CC-BY-4.0" if number % 3 else None, language="fr",
        changed_by=("remove_long_words", "privacy")[: number % 3], meta={"url": "https://example.org", "n": [1, 2]} if number % 2 else {},
    )  # fmt: skip


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sidecar:
    """23 documents in groups of five."""
    monkeypatch.setattr(sidecar, "ROWS_IN_A_GROUP", 5)
    return write(tmp_path / "train-00000", 23)


def write(prefix: Path, documents: int) -> Sidecar:
    with SidecarWriter(prefix) as writer:
        for number in range(documents):
            writer.add(facts(number))
    return Sidecar(prefix)


def test_a_row_comes_back(many: Sidecar) -> None:
    assert len(many) == 23
    for number in (0, 4, 5, 13, 22):
        assert many[number] == facts(number)
    for number in (-1, 23):
        with pytest.raises(IndexError, match="has 23 documents, none of number"):
            many[number]


def test_names_of_many_at_once_in_the_order_asked(many: Sidecar) -> None:
    asked = np.array([22, 0, 7, 7, 4])
    assert many.names(asked) == [facts(number).id for number in asked.tolist()]
    assert many.names(np.array([], np.int64)) == []
    assert many.ids == [facts(number).id for number in range(23)]
    with pytest.raises(IndexError, match="asked for 3 to 23"):
        many.names(np.array([3, 23]))


def test_only_the_groups_asked_for_are_read(many: Sidecar, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    inner = many._file.read_row_group
    monkeypatch.setattr(type(many._file), "read_row_group", lambda self, group, **more: (read.append(group), inner(group, **more))[1])
    many.names(np.array([6, 7, 8]))
    many.names(np.array([9]))
    assert read == [1]
    assert many[21] == facts(21)
    assert read == [1, 4]


def test_a_document_is_found_by_its_id(many: Sidecar, tmp_path: Path) -> None:
    assert many.find(facts(17).id) == [17]
    assert many.find("nobody") == []
    with SidecarWriter(tmp_path / "twice") as writer:
        for number in (3, 4, 3):
            writer.add(facts(number))
    assert Sidecar(tmp_path / "twice").find(facts(3).id) == [0, 2]


def test_pyarrow_reads_the_documented_columns(many: Sidecar) -> None:
    table = pyarrow.parquet.read_table(many.path)
    assert {field.name: str(field.type) for field in table.schema} == {
        "id": "string", "source": "string", "path": "string", "licence": "string", "language": "string",
        "changed_by": "list<element: string>", "hash": "fixed_size_binary[16]", "tokens": "int32", "start": "int64", "meta": "string",
    }  # fmt: skip
    row = table.slice(5, 1).to_pylist()[0]
    assert json.loads(row["meta"]) == {"url": "https://example.org", "n": [1, 2]}
    assert row["hash"].hex() == f"{5:032x}"


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "one", 9000)
    write(tmp_path / "other", 9000)
    assert parquet_path(tmp_path / "one").read_bytes() == parquet_path(tmp_path / "other").read_bytes()
    assert pyarrow.parquet.ParquetFile(parquet_path(tmp_path / "one")).num_row_groups == 3


def test_an_empty_sidecar_is_readable(tmp_path: Path) -> None:
    empty = write(tmp_path / "empty", 0)
    assert (len(empty), empty.ids, empty.find("a")) == (0, [], [])


def test_it_has_its_name_only_when_whole(tmp_path: Path) -> None:
    writer = SidecarWriter(tmp_path / "train")
    writer.add(facts(1))
    assert not parquet_path(tmp_path / "train").exists()
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == ["train.parquet"]


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="non-hexadecimal"), SidecarWriter(tmp_path / "train") as writer:
        writer.add(dataclasses.replace(facts(1), hash="x" * 32))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (Path.unlink, "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "is no Parquet file"),
        (lambda path: path.write_bytes(b""), "is no Parquet file"),
        (lambda path: pyarrow.parquet.write_table(pyarrow.table({"id": ["a"]}), path), r"has other columns than a sidecar \(id\)"),
    ],
)
def test_damage_is_named(tmp_path: Path, damage: object, message: str) -> None:
    damaged = write(tmp_path / "train", 3)
    damage(damaged.path)  # type: ignore[operator]
    with pytest.raises(DataError, match=message) as raised:
        len(damaged)
    assert "train.parquet" in str(raised.value)
    assert "prepare it again" in str(raised.value)
