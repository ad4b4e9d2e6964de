"""What is on record of the documents of a shard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from data_pipeline.prepared import Prepared
from data_pipeline.sidecar import DocumentFacts, SidecarWriter
from data_pipeline.stored.listed import Listed
from data_pipeline.stored.storage import Here
from orchestrator.errors import DataError
from tests.data_pipeline.conftest import listed_of

NUMBER = 9000  # more than two groups of rows


def facts(number: int) -> DocumentFacts:
    return DocumentFacts(
        id=f"d{number}é", source="s", hash=f"{number:032x}", tokens=2, start=2 * number, licence="CC0-1.0" if number % 3 else None,
        changed_by=("remove_long_words", "privacy")[: number % 3], meta={"part": number} if number % 2 else {},
    )  # fmt: skip


def write(folder: Path, documents: int) -> Here:
    with SidecarWriter(folder / "train-00000") as sidecar:
        for number in range(documents):
            sidecar.add(facts(number))
    return stored(folder)


def stored(folder: Path) -> Here:
    return Here(folder, {path.name: (path.stat().st_size, "") for path in folder.iterdir()})


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Here:
    return write(tmp_path_factory.mktemp("sidecar"), NUMBER)


def test_a_sidecar_is_read_by_numbers_and_columns(here: Here) -> None:
    listed = Listed(here, "train-00000")
    assert len(listed) == NUMBER
    assert [listed.id(number) for number in (0, 4095, 4096, NUMBER - 1)] == ["d0é", "d4095é", "d4096é", f"d{NUMBER - 1}é"]
    assert listed.column("id") == [f"d{number}é" for number in range(NUMBER)]
    assert listed.column("hash")[7] == f"{7:032x}"
    assert listed.facts(4097) == {
        "id": "d4097é", "source": "s", "hash": f"{4097:032x}", "tokens": 2, "start": 8194, "licence": "CC0-1.0",
        "changed_by": ["remove_long_words", "privacy"], "meta": {"part": 4097},
    }  # fmt: skip
    assert set(listed.facts(0)) == {"id", "source", "hash", "tokens", "start"}


@pytest.mark.parametrize("number", [-1, NUMBER])
def test_a_number_that_no_document_has_is_refused(here: Here, number: int) -> None:
    with pytest.raises(IndexError, match=f"has 9,000 documents, none of number {number}"):
        Listed(here, "train-00000").id(number)


def test_only_the_groups_asked_for_are_read(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    listed, read = Listed(here, "train-00000"), list[int]()
    file = pyarrow.parquet.ParquetFile
    inner = file.read_row_group
    monkeypatch.setattr(file, "read_row_group", lambda self, group, **more: (read.append(group), inner(self, group, **more))[1])
    assert [listed.id(number) for number in (4097, 4098, 4099)] == ["d4097é", "d4098é", "d4099é"]
    assert read == [1]
    assert listed.facts(8999)["start"] == 2 * 8999
    assert read == [1, 2]


def test_no_documents_are_listed_as_none(tmp_path: Path) -> None:
    empty = Listed(write(tmp_path, 0), "train-00000")
    assert (len(empty), empty.column("id")) == (0, [])


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def of_other_columns(path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"id": ["a"]}), path)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut_off, "is no Parquet file"),
        (emptied, "is no Parquet file"),
        (of_other_columns, r"has other columns than a sidecar \(id\)"),
    ],
)
def test_damage_is_named(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    """As it was when its size was put on record, so that only its contents tell."""
    write(tmp_path, 3)
    damage(tmp_path / "train-00000.parquet")
    with pytest.raises(DataError, match=rf"train-00000\.parquet {message}.*prepare it again"):
        len(Listed(stored(tmp_path), "train-00000"))


@pytest.mark.parametrize(("damage", "message"), [(Path.unlink, "is missing"), (cut_off, "were prepared")])
def test_another_size_than_was_prepared_is_named(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    here = write(tmp_path, 3)
    damage(tmp_path / "train-00000.parquet")
    with pytest.raises(DataError, match=message) as raised:
        len(Listed(here, "train-00000"))
    assert "train-00000.parquet" in str(raised.value)


def test_prepared_documents_are_listed_with_their_tokens(small: Prepared) -> None:
    for prefix in small.shards("notes", "train"):
        listed = listed_of(small, prefix)
        assert len(listed) == len(listed.column("id")) > 50
        assert listed.id(3) == listed.facts(3)["id"] == listed.column("id")[3]
        assert listed.facts(3)["source"] == "notes"
