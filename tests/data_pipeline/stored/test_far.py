"""Prepared data behind a URL gives what the folder gives, within the bound of its cache, whatever the connection does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch

from data_pipeline.loader import Loader
from data_pipeline.prepared import Prepared
from data_pipeline.stored import storage as storages
from data_pipeline.stored.far import Far
from data_pipeline.stored.storage import There, open_data
from orchestrator.errors import DataError
from tests.data_pipeline.stored.conftest import Server

INDICES = np.arange(300)
_numbers = itertools.count()


@pytest.fixture
def memory(small: Prepared) -> Iterator[str]:
    url = f"memory://bucket-{next(_numbers)}/small"
    system = fsspec.filesystem("memory")
    for path in small.folder.rglob("*"):
        if path.is_file():
            system.pipe_file(f"{url.removeprefix('memory:/')}/{path.relative_to(small.folder).as_posix()}", path.read_bytes())
    yield url
    system.rm(url.removeprefix("memory:/"), recursive=True)


def far_loader(url: str, cache: Path, **changes: int) -> Loader:
    prepared, storage = open_data(url, cache=cache, **changes)
    return Loader(prepared, sequence_length=16, seed=5, storage=storage)


def near(small: Prepared) -> Loader:
    return Loader(small, sequence_length=16, seed=5)


@pytest.mark.parametrize("block", [64, 1000, 2**20])
def test_what_is_far_is_what_is_near(small: Prepared, memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(storages, "LARGE_BLOCK", block)
    far, here = far_loader(memory, tmp_path), near(small)
    assert torch.equal(far.tokens(INDICES), here.tokens(INDICES))
    assert far.describe(INDICES) == here.describe(INDICES)
    assert torch.equal(far.validation(20).tokens, here.validation(20).tokens)
    assert far.prepared.tokenizer_path.read_bytes() == small.tokenizer_path.read_bytes()


def test_a_server_is_asked_for_ranges_and_for_each_block_once(small: Prepared, server: Server, tmp_path: Path) -> None:
    far = far_loader(server.url, tmp_path)
    assert torch.equal(far.tokens(INDICES), near(small).tokens(INDICES))
    first = list(server.asked)
    assert all("bytes=" in line for line in first if line.split()[0].endswith(".bin"))
    assert len(set(first)) == len(first)
    assert not any(".idx" in line for line in first), "tokens need no index"
    again = far_loader(server.url, tmp_path)
    assert torch.equal(again.tokens(INDICES), far.tokens(INDICES))
    assert [line for line in server.asked[len(first) :] if "prepared.json" not in line] == []


def test_small_blocks_are_read_where_all_does_not_fit_and_the_bound_holds(
    small: Prepared, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storages, "SMALL_BLOCK", 64)
    capacity = 16 * 64
    far = far_loader(server.url, tmp_path, capacity=capacity)
    for first in range(0, 300, 10):
        chosen = INDICES[first : first + 10]
        assert torch.equal(far.tokens(chosen), near(small).tokens(chosen))
        assert sum(path.stat().st_size for path in (tmp_path / "shards" / "blocks").iterdir()) <= capacity


def impatient(loader: Loader, url: str) -> Loader:
    assert isinstance(loader.storage, There)
    storage = There(far=Far(url=url, patience=(0.0, 0.0)), files=loader.prepared.files, cache=loader.storage.cache)
    return Loader(loader.prepared, sequence_length=16, seed=5, storage=storage)


def test_a_connection_that_is_cut_is_tried_again(small: Prepared, server: Server, tmp_path: Path) -> None:
    far = impatient(far_loader(server.url, tmp_path), server.url)
    server.cuts = 2
    assert torch.equal(far.tokens(INDICES), near(small).tokens(INDICES))
    assert server.cuts == 0


def test_a_connection_that_is_cut_every_time_is_an_error_that_names_the_file(server: Server, tmp_path: Path) -> None:
    far = impatient(far_loader(server.url, tmp_path), server.url)
    server.cuts = 1000
    with pytest.raises(DataError, match=r"train-00000.bin could not be read in 3 attempts; the last: .*\. Check the network"):
        far.tokens(INDICES)


def test_a_server_without_ranges_is_told_apart_from_a_cut(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storages, "LARGE_BLOCK", 64)
    far = far_loader(server.url, tmp_path)
    server.ranges = False
    with pytest.raises(DataError, match="it does not answer ranges"):
        far.tokens(INDICES)


def test_a_file_that_is_not_there_is_named(small: Prepared, memory: str, tmp_path: Path) -> None:
    far = far_loader(memory, tmp_path)
    fsspec.filesystem("memory").rm(f"{memory.removeprefix('memory:/')}/shards/notes/train-00000.bin")
    with pytest.raises(DataError, match=r"train-00000.bin is not there"):
        far.tokens(INDICES)


def test_a_list_of_documents_with_other_bytes_is_refused(small: Prepared, memory: str, tmp_path: Path) -> None:
    far = far_loader(memory, tmp_path)
    for path in fsspec.filesystem("memory").glob(f"{memory.removeprefix('memory:/')}/shards/notes/train-00000.*"):
        if not path.endswith((".bin", ".idx")):
            data = fsspec.filesystem("memory").cat_file(path)
            fsspec.filesystem("memory").pipe_file(path, data[:-2] + b"xx")
    with pytest.raises(DataError, match="has not the bytes that were prepared"):
        far.describe(INDICES)


def test_processes_read_what_threads_read(small: Prepared, server: Server, tmp_path: Path) -> None:
    far = far_loader(server.url, tmp_path)
    arrays = [np.arange(8) + 8 * number for number in range(6)]
    batches = list(far.batches(arrays, workers=2, ahead=3, by="processes"))
    assert torch.equal(torch.cat([batch.tokens for batch in batches]), near(small).tokens(np.arange(48)))
