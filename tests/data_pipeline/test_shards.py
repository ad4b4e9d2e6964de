"""Shards are Megatron's, byte for byte, in both directions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_pipeline.shards import Shard, ShardWriter, bin_path, idx_path, index_of, token_dtype
from orchestrator.errors import DataError
from tests.data_pipeline.golden.make_golden import DOCUMENTS

GOLDEN = Path(__file__).with_name("golden")


def write(prefix: Path, dtype: np.dtype, documents: list[list[int]] = DOCUMENTS) -> Path:
    with ShardWriter(prefix, dtype) as shard:
        for document in documents:
            shard.add(np.array(document))
    return prefix


@pytest.mark.parametrize("name", ["uint16", "int32"])
def test_bytes_equal_the_golden_files_of_megatron(tmp_path: Path, name: str) -> None:
    prefix = write(tmp_path / "ours", np.dtype(name))
    assert bin_path(prefix).read_bytes() == (GOLDEN / f"{name}.bin").read_bytes()
    assert idx_path(prefix).read_bytes() == (GOLDEN / f"{name}.idx").read_bytes()


@pytest.mark.parametrize("name", ["uint16", "int32"])
def test_reads_the_golden_files_of_megatron(name: str) -> None:
    shard = Shard(GOLDEN / name)
    assert [shard[number].tolist() for number in range(len(shard))] == DOCUMENTS
    assert shard.dtype == np.dtype(name)
    assert shard.documents.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.filterwarnings("ignore")  # megatron-core warns of optional packages when it is imported
@pytest.mark.parametrize("vocab_size", [1000, 65_499, 65_500, 250_680])
def test_bytes_equal_what_megatron_writes_here_and_it_reads_ours(tmp_path: Path, vocab_size: int) -> None:
    indexed = pytest.importorskip("megatron.core.datasets.indexed_dataset", exc_type=ImportError)
    torch = pytest.importorskip("torch")
    chance = np.random.default_rng(vocab_size)
    documents = [chance.integers(0, vocab_size, size).tolist() for size in chance.integers(0, 50, 40)]
    builder = indexed.IndexedDatasetBuilder(
        str(tmp_path / "theirs.bin"), dtype=indexed.DType.optimal_dtype(vocab_size)
    )
    for document in documents:
        builder.add_document(torch.tensor(document, dtype=torch.int64), [len(document)])
    builder.finalize(str(tmp_path / "theirs.idx"))

    prefix = write(tmp_path / "ours", token_dtype(vocab_size), documents)

    for ending in ("bin", "idx"):
        assert (tmp_path / f"ours.{ending}").read_bytes() == (tmp_path / f"theirs.{ending}").read_bytes()
    read_by_them = indexed.IndexedDataset(str(prefix))
    assert [read_by_them[number].tolist() for number in range(len(read_by_them))] == documents


@pytest.fixture
def indexed() -> Any:
    return pytest.importorskip("megatron.core.datasets.indexed_dataset", exc_type=ImportError)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["uint16", "int32"])
def test_reads_what_megatron_writes_with_several_sequences_or_none_in_a_document(
    tmp_path: Path, indexed: Any, dtype: str
) -> None:
    import torch

    sequences = [[[1, 2], [3], []], [], [[4, 5, 6]], [], [[]], [[7], [8, 9]]]
    builder = indexed.IndexedDatasetBuilder(str(tmp_path / "theirs.bin"), dtype=np.dtype(dtype).type)
    for document in sequences:
        ids = [id for sequence in document for id in sequence]
        builder.add_document(torch.tensor(ids, dtype=torch.int64), [len(sequence) for sequence in document])
    builder.finalize(str(tmp_path / "theirs.idx"))
    theirs, ours = indexed.IndexedDataset(str(tmp_path / "theirs")), Shard(tmp_path / "theirs")
    assert [ours[number].tolist() for number in range(len(ours))] == [one for document in sequences for one in document]
    assert [theirs[number].tolist() for number in range(len(theirs))] == [ours[number].tolist() for number in range(len(ours))]
    assert ours.documents.tolist() == theirs.document_indices.tolist() == [0, 3, 3, 4, 4, 5, 7]
    assert ours.lengths.tolist() == theirs.sequence_lengths.tolist()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["uint16", "int32"])
def test_megatron_reads_ours_with_empty_documents_from_any_array(tmp_path: Path, indexed: Any, dtype: str) -> None:
    chance = np.random.default_rng(1)
    kinds = [np.int64, np.int32, np.uint16, np.uint32]
    documents = [chance.integers(0, 60_000, size).astype(kinds[size % 4]) for size in [0, 5, 0, 0, 2000, 1, 30, 0]]
    documents.append(np.arange(20, dtype=np.int32)[::3])
    with ShardWriter(tmp_path / "ours", np.dtype(dtype)) as shard:
        for document in documents:
            shard.add(document)
        assert shard.tokens == sum(map(len, documents))
    theirs = indexed.IndexedDataset(str(tmp_path / "ours"))
    assert theirs.index.dtype == np.dtype(dtype)
    assert [theirs[number].tolist() for number in range(len(theirs))] == [document.tolist() for document in documents]
    assert theirs.get(4, offset=7, length=3).tolist() == documents[4][7:10].tolist()
    assert theirs.document_indices.tolist() == list(range(len(documents) + 1))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["uint16", "int32"])
def test_offsets_beyond_32_bits_are_megatrons(tmp_path: Path, indexed: Any, dtype: str) -> None:
    """Lengths as of 12 GB of tokens; the .bin is a hole in the file system, so that both readers can be asked."""
    lengths = np.array([2**30, 7, 2**31 - 1, 0, 3], "<i4")
    kind = np.dtype(dtype).newbyteorder("<")
    (tmp_path / "ours.idx").write_bytes(index_of(lengths, kind))
    with indexed._IndexWriter(str(tmp_path / "theirs.idx"), kind.type) as writer:
        writer.write(lengths.tolist(), None, list(range(len(lengths) + 1)))
    assert (tmp_path / "ours.idx").read_bytes() == (tmp_path / "theirs.idx").read_bytes()
    total = int(lengths.sum(dtype=np.int64))
    with (tmp_path / "ours.bin").open("wb") as file:
        file.truncate(total * kind.itemsize)
        file.seek((total - 3) * kind.itemsize)
        file.write(np.array([5, 6, 7], kind).tobytes())
    ours, theirs = Shard(tmp_path / "ours"), indexed.IndexedDataset(str(tmp_path / "ours"))
    assert ours[4].tolist() == theirs[4].tolist() == [5, 6, 7]
    assert ours.starts.tolist() == [0, 2**30, 2**30 + 7, 2**30 + 7 + 2**31 - 1, 2**30 + 7 + 2**31 - 1]


def test_an_empty_shard_is_readable(tmp_path: Path) -> None:
    shard = Shard(write(tmp_path / "empty", token_dtype(300), []))
    assert len(shard) == 0
    assert shard.tokens.size == 0


@pytest.mark.parametrize(("ids", "dtype"), [([70_000], "uint16"), ([-1], "uint16"), ([2**31], "int32")])
def test_an_id_that_does_not_fit_is_refused_and_what_is_left_is_no_shard(tmp_path: Path, ids: list[int], dtype: str) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        write(tmp_path / "shard", np.dtype(dtype), [[1, 2], ids])
    with pytest.raises(DataError, match=r"shard\.idx is missing"):
        Shard(tmp_path / "shard")


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("shard.bin", lambda path: path.write_bytes(path.read_bytes()[:-2]), "its index counts"),
        ("shard.bin", Path.unlink, "is missing"),
        ("shard.idx", Path.unlink, "is missing"),
        ("shard.idx", lambda path: path.write_bytes(path.read_bytes()[:-8]), "sequences need"),
        ("shard.idx", lambda path: path.write_bytes(b"short"), "less than its header"),
        ("shard.idx", lambda path: path.write_bytes(b"XMIDIDX" + path.read_bytes()[7:]), "no Megatron index"),
    ],
)
def test_damage_is_named(tmp_path: Path, file: str, damage: object, message: str) -> None:
    write(tmp_path / "shard", token_dtype(300), [[1, 2, 3], [4]])
    damage(tmp_path / file)  # type: ignore[operator]
    with pytest.raises(DataError, match=message) as raised:
        Shard(tmp_path / "shard")
    assert file in str(raised.value)
