"""What is on record of the documents of a shard."""

from __future__ import annotations

import pytest

from data_pipeline.prepared import Prepared
from data_pipeline.sidecar import DocumentFacts, SidecarWriter
from data_pipeline.stored.listed import Listed
from data_pipeline.stored.storage import Here

NUMBER = 9000  # more than two groups of rows


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Here:
    folder = tmp_path_factory.mktemp("sidecar")
    with SidecarWriter(folder / "train-00000") as sidecar:
        for number in range(NUMBER):
            meta = {"part": number} if number % 2 else {}
            licence = "CC0-1.0" if number % 3 else None
            sidecar.add(
                DocumentFacts(id=f"d{number}", source="s", hash=f"{number:032x}", tokens=2, start=2 * number, licence=licence, meta=meta)
            )
    return Here(folder, {path.name: (path.stat().st_size, "") for path in folder.iterdir()})


def test_a_sidecar_is_read_by_numbers_and_columns(here: Here) -> None:
    listed = Listed(here, "train-00000")
    assert len(listed) == NUMBER
    assert [listed.id(number) for number in (0, 4095, 4096, NUMBER - 1)] == ["d0", "d4095", "d4096", f"d{NUMBER - 1}"]
    assert listed.column("id") == [f"d{number}" for number in range(NUMBER)]
    assert listed.column("hash")[7] == f"{7:032x}"
    assert listed.facts(4097) == {
        "id": "d4097", "source": "s", "hash": f"{4097:032x}", "tokens": 2, "start": 8194, "licence": "CC0-1.0", "meta": {"part": 4097},
    }  # fmt: skip
    assert set(listed.facts(0)) == {"id", "source", "hash", "tokens", "start"}


def test_prepared_documents_are_listed_with_their_tokens(small: Prepared) -> None:
    here = Here(small.folder, small.files)
    for prefix in small.shards("notes", "train"):
        listed = Listed(here, prefix.relative_to(small.folder).as_posix())
        assert len(listed) == len(listed.column("id")) > 50
        assert listed.id(3) == listed.facts(3)["id"] == listed.column("id")[3]
        assert listed.facts(3)["source"] == "notes"
