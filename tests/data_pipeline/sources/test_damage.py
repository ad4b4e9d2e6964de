"""Bad input ends where it is bad, with a reason; whole documents before it stay, and the next file is read."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from fsspec.spec import AbstractFileSystem

from data_pipeline.sources import Rejected
from data_pipeline.sources import _records as records
from orchestrator.errors import DataError
from tests.data_pipeline.sources._reading import read, source, split, through_blocks

TEXTS = [
    f"document {number}: {'some words that differ ' * (number % 7)}{number * 7919}" for number in range(2000)
]
LINES = [json.dumps({"text": text}).encode() + b"\n" for text in TEXTS]
GOOD = b'{"text": "the next file"}\n'

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".jsonl.gz": gzip.compress,
    ".jsonl.zst": lambda data: zstandard.ZstdCompressor(write_checksum=True).compress(data),
}


def parquet(texts: list[Any], **more: Any) -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"text": texts}), file, **more)
    return file.getvalue()


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 0.999])
def test_a_compressed_file_that_was_cut_off_keeps_its_whole_documents(
    tmp_path: Path, suffix: str, share: float
) -> None:
    """A cut-off download would otherwise be a smaller corpus without a word, or give half a document."""
    packed = COMPRESS[suffix](b"".join(LINES))
    (tmp_path / f"a{suffix}").write_bytes(packed[: max(1, int(len(packed) * share))])
    (tmp_path / "b.jsonl").write_bytes(GOOD)
    documents, rejected = read("files", tmp_path, paths="*")
    texts = [document.text for document in documents]
    assert texts[-1] == "the next file"
    assert texts[:-1] == TEXTS[: len(texts) - 1]
    assert [told.where for told in rejected] == [f"a{suffix}"]
    assert "ends in the middle of its compression" in rejected[0].reason


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("at", [0, 5000, -3])
def test_a_flipped_byte_in_compression_ends_the_file(tmp_path: Path, suffix: str, at: int) -> None:
    packed = bytearray(COMPRESS[suffix](b"".join(LINES)))
    packed[at] ^= 0xFF
    (tmp_path / f"a{suffix}").write_bytes(packed)
    (tmp_path / "b.jsonl").write_bytes(GOOD)
    documents, rejected = read("files", tmp_path, paths="*")
    assert documents[-1].text == "the next file"
    whole = [told for told in rejected if told.where == f"a{suffix}"]
    assert len(whole) == 1
    assert "damaged compression" in whole[0].reason


@pytest.mark.parametrize("data", [b"\0" * 100, b"text that is not compressed\n" * 10, bz2.compress(b"x")])
@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_file_that_is_not_what_its_name_says(tmp_path: Path, suffix: str, data: bytes) -> None:
    (tmp_path / f"a{suffix}").write_bytes(data)
    documents, rejected = read("files", tmp_path, paths="*")
    assert (documents, len(rejected)) == ([], 1)


def test_a_cut_file_without_compression_loses_the_line_that_is_cut(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"".join(LINES)[:-10])
    documents, rejected = read("files", tmp_path, paths="*")
    assert [document.text for document in documents] == TEXTS[:-1]
    assert [told.where for told in rejected] == ["a.jsonl:2000"]


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_parquet_file_that_was_cut_off(tmp_path: Path, share: float) -> None:
    whole = parquet(TEXTS)
    (tmp_path / "a.parquet").write_bytes(whole[: int(len(whole) * share)])
    (tmp_path / "b.jsonl").write_bytes(GOOD)
    documents, rejected = read("files", tmp_path, paths="*")
    assert [document.text for document in documents] == ["the next file"]
    assert [told.where for told in rejected] == ["a.parquet"]
    assert "damaged or incomplete Parquet" in rejected[0].reason


def test_a_parquet_file_damaged_in_a_row_group_keeps_the_rows_before(tmp_path: Path) -> None:
    whole = bytearray(parquet(TEXTS, row_group_size=500, compression="zstd", use_dictionary=False))
    at = pyarrow.parquet.ParquetFile(io.BytesIO(whole)).metadata.row_group(2).column(0).data_page_offset
    whole[at : at + 400] = b"\xff" * 400
    (tmp_path / "a.parquet").write_bytes(whole)
    (tmp_path / "b.jsonl").write_bytes(GOOD)
    documents, rejected = read("files", tmp_path, paths="*")
    assert [document.text for document in documents] == [*TEXTS[:1000], "the next file"]
    assert [told.where for told in rejected] == ["a.parquet"]
    assert "damaged or incomplete Parquet" in rejected[0].reason


PACKED = {".parquet": parquet(TEXTS[:300], row_group_size=100)} | {
    suffix: pack(b"".join(LINES[:300])) for suffix, pack in COMPRESS.items()
}


@pytest.mark.parametrize("suffix", PACKED)
def test_no_damage_stops_the_job(tmp_path: Path, suffix: str) -> None:
    draw = random.Random(1)
    for number in range(40):
        data = bytearray(PACKED[suffix])
        for _ in range(draw.choice((1, 2, 8))):
            at = draw.randrange(len(data))
            if draw.random() < 0.7:
                data[at] ^= 1 << draw.randrange(8)
            else:
                del data[at : at + draw.randrange(1, 100)]
        (tmp_path / f"{number:02}{suffix}").write_bytes(data)
    (tmp_path / "last.jsonl").write_bytes(GOOD)
    documents, rejected = split(through_blocks(source("files", tmp_path, paths="*"), 1000))
    assert documents[-1].text == "the next file"
    assert len({told.where.partition(".")[0] for told in rejected}) > 20


def test_bad_utf_8_in_one_row_of_parquet_is_that_row(tmp_path: Path) -> None:
    texts = pyarrow.array([b"one", b"caf\xe9", b"three"], pyarrow.binary()).view(pyarrow.string())
    pyarrow.parquet.write_table(pyarrow.table({"text": texts}), tmp_path / "a.parquet")
    documents, rejected = read("files", tmp_path, paths="a.parquet")
    assert [document.text for document in documents] == ["one", "three"]
    assert rejected == [Rejected(where="a.parquet:2", reason="byte 0xe9 at 4 is not UTF-8")]


@pytest.mark.parametrize(("name", "data", "where"), [
    ("a.jsonl", b'{"text": "a\\u0000b"}\n', "a.jsonl:1"),
    ("a.txt", b"a\0b", "a.txt"),
    ("a.parquet", parquet(["a\0b"]), "a.parquet:1"),
])  # fmt: skip
def test_a_text_with_a_nul_is_rejected(tmp_path: Path, name: str, data: bytes, where: str) -> None:
    (tmp_path / name).write_bytes(data)
    assert read("files", tmp_path, paths=name) == (
        [],
        [Rejected(where=where, reason="a NUL character at 2 of the text")],
    )


def test_a_hole_of_nuls_between_lines_is_one_bad_line(tmp_path: Path) -> None:
    """A machine that lost power leaves such holes in files that were being written."""
    (tmp_path / "a.jsonl").write_bytes(LINES[0] + b"\0" * 5000 + LINES[1] + LINES[2])
    documents, rejected = read("files", tmp_path, paths="a.jsonl")
    assert [document.text for document in documents] == [TEXTS[0], TEXTS[2]]
    assert [told.where for told in rejected] == ["a.jsonl:2"]


@pytest.mark.parametrize(("suffix", "compress", "place"), [
    ("", bytes, "@26"), (".gz", gzip.compress, ":2"), (".zst", zstandard.compress, ":2"),
])  # fmt: skip
def test_a_line_of_100_mb_is_told_by_its_place_and_takes_no_memory(
    tmp_path: Path, suffix: str, compress: Any, place: str
) -> None:
    long = b'{"text": "' + b"word " * 20_000_000 + b'"}\n'
    (tmp_path / f"a.jsonl{suffix}").write_bytes(compress(LINES[0] + long + LINES[1]))
    del long
    tracemalloc.start()
    documents, rejected = read("files", tmp_path, paths="*", longest="1MiB")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [document.text for document in documents] == TEXTS[:2]
    assert rejected == [
        Rejected(where=f"a.jsonl{suffix}{place}", reason="is 95.4 MiB long, `longest` is 1.0 MiB")
    ]
    assert peak < 40 * 2**20


def test_texts_longer_than_the_longest_in_the_other_formats(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x" * 2000)
    (tmp_path / "b.parquet").write_bytes(parquet(["short", "x" * 2000]))
    documents, rejected = read("files", tmp_path, paths="*", longest=1000)
    assert [document.text for document in documents] == ["short"]
    assert [told.where for told in rejected] == ["a.txt", "b.parquet:2"]
    documents, rejected = read("files", tmp_path, paths="a.txt", longest=1000, separator="---")
    assert [told.where for told in rejected] == ["a.txt:1"]


def test_a_file_that_vanishes_between_listing_and_reading(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl.gz", "c.parquet", "d.txt"):
        (tmp_path / name).write_bytes(b"soon gone")
    (tmp_path / "e.jsonl").write_bytes(GOOD)
    found = source("files", tmp_path, paths="*")
    (block,) = found.blocks(2**30)
    for path in tmp_path.glob("[a-d].*"):
        path.unlink()
    documents, rejected = split(found.read(block))
    assert [document.text for document in documents] == ["the next file"]
    assert {told.reason for told in rejected} == {"is no longer there"}
    assert [told.where for told in rejected] == ["a.jsonl", "b.jsonl.gz", "c.parquet", "d.txt"]


class Refusing(AbstractFileSystem):
    """A file system that lists a file which it does not let be read."""

    protocol = "refusing"
    error: Exception = PermissionError(13, "Permission denied")

    def ls(self, path: str, detail: bool = True, **more: Any) -> list[Any]:
        return [{"name": "kept/a.jsonl", "size": 10, "type": "file"}]

    def _open(self, path: str, mode: str = "rb", **more: Any) -> Any:
        raise self.error


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    fsspec.register_implementation("refusing", Refusing, clobber=True)
    return monkeypatch


def test_a_file_that_may_not_be_read(tmp_path: Path, refusing: pytest.MonkeyPatch) -> None:
    told = [Rejected(where="a.jsonl", reason="may not be read by this user")]
    assert read("files", tmp_path, paths="refusing://kept/*.jsonl") == ([], told)


def test_a_connection_that_fails_is_not_taken_for_a_bad_file(
    tmp_path: Path, refusing: pytest.MonkeyPatch
) -> None:
    """Else an hour without network would be a corpus without those files, for ever."""
    refusing.setattr(Refusing, "error", ConnectionResetError(104, "Connection reset by peer"))
    with pytest.raises(
        DataError, match=r"a\.jsonl: could not be read \(ConnectionResetError.*goes on where it stopped"
    ):
        read("files", tmp_path, paths="refusing://kept/*.jsonl")


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.txt"])
def test_an_empty_file_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert read("files", tmp_path, paths="*") == ([], [Rejected(where=name, reason="is an empty file")])


def test_a_folder_that_is_called_like_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "b.jsonl").write_bytes(GOOD)
    documents, rejected = read("files", tmp_path, paths="*")
    assert [document.text for document in documents] == ["the next file"]
    assert rejected == [Rejected(where="a.jsonl", reason="is a folder, not a file")]


def test_a_folder_whose_files_are_among_those_named_is_no_mistake(tmp_path: Path) -> None:
    """Spark writes `data.jsonl/part-00000.jsonl`."""
    (tmp_path / "data.jsonl").mkdir()
    (tmp_path / "data.jsonl" / "part-00000.jsonl").write_bytes(GOOD)
    documents, rejected = read("files", tmp_path, paths="**/*")
    assert ([document.text for document in documents], rejected) == (["the next file"], [])


def test_a_number_of_too_many_digits_is_a_bad_line(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"text": ' + b"1" * 5000 + b"}\n" + GOOD)
    documents, rejected = read("files", tmp_path, paths="a.jsonl")
    assert [document.text for document in documents] == ["the next file"]
    assert rejected == [Rejected(where="a.jsonl:1", reason="not JSON: a number with too many digits")]


def test_large_files_are_known_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "LARGE", 100)
    (tmp_path / "a.jsonl").write_bytes(LINES[0] + b"not json\n" + LINES[1] + b"x" * 100)
    documents, rejected = read("files", tmp_path, paths="a.jsonl")
    second = len(LINES[0])
    assert [document.id for document in documents] == ["a.jsonl@0", f"a.jsonl@{second + 9}"]
    assert rejected[0].where == f"a.jsonl@{second}"
