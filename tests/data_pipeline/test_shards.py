"""Shards are Megatron's, byte for byte, in both directions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_pipeline.shards import Shard, ShardWriter, bin_path, idx_path, token_dtype
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


def test_an_empty_shard_is_readable(tmp_path: Path) -> None:
    shard = Shard(write(tmp_path / "empty", token_dtype(300), []))
    assert len(shard) == 0
    assert shard.tokens.size == 0


@pytest.mark.parametrize(("ids", "dtype"), [([70_000], "uint16"), ([-1], "uint16"), ([2**31], "int32")])
def test_an_id_that_does_not_fit_is_refused_and_leaves_nothing(
    tmp_path: Path, ids: list[int], dtype: str
) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        write(tmp_path / "shard", np.dtype(dtype), [[1, 2], ids])
    assert list(tmp_path.iterdir()) == []


def test_files_have_their_names_only_when_whole(tmp_path: Path) -> None:
    shard = ShardWriter(tmp_path / "shard", token_dtype(300))
    shard.add(np.array([1, 2, 3]))
    assert not bin_path(tmp_path / "shard").exists()
    shard.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shard.bin", "shard.idx"]


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
