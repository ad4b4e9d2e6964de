"""A row for each document, readable by any reader of Parquet."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pyarrow.parquet
import pytest

from data_pipeline.sidecar import DocumentFacts, SidecarWriter, parquet_path


def facts(number: int) -> DocumentFacts:
    return DocumentFacts(
        id=f"notes:{number}é", source="notes", hash=f"{number:032x}", tokens=number % 7, start=2**33 + number,
        path=f"a/{number}.txt" if number % 2 else None, licence="CC-BY-4.0" if number % 3 else None, language="fr",
        changed_by=("remove_long_words", "privacy")[: number % 3], meta={"url": "https://example.org", "n": [1, 2]} if number % 2 else {},
    )  # fmt: skip


def write(prefix: Path, documents: int) -> Path:
    """The sidecar of so many documents."""
    with SidecarWriter(prefix) as writer:
        for number in range(documents):
            writer.add(facts(number))
    return parquet_path(prefix)


def test_pyarrow_reads_the_documented_columns(tmp_path: Path) -> None:
    table = pyarrow.parquet.read_table(write(tmp_path / "train-00000", 23))
    assert {field.name: str(field.type) for field in table.schema} == {
        "id": "string", "source": "string", "path": "string", "licence": "string", "language": "string",
        "changed_by": "list<element: string>", "hash": "fixed_size_binary[16]", "tokens": "int32", "start": "int64", "meta": "string",
    }  # fmt: skip
    row = table.slice(5, 1).to_pylist()[0]
    assert json.loads(row["meta"]) == {"url": "https://example.org", "n": [1, 2]}
    assert row["hash"].hex() == f"{5:032x}"


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = write(tmp_path / "one", 9000), write(tmp_path / "other", 9000)
    assert one.read_bytes() == other.read_bytes()
    assert pyarrow.parquet.ParquetFile(one).num_row_groups == 3


def test_a_hash_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="non-hexadecimal"), SidecarWriter(tmp_path / "train") as writer:
        writer.add(dataclasses.replace(facts(1), hash="x" * 32))
