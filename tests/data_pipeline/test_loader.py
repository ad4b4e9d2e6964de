"""The loader gives the tokens the order names, says where they came from, and has no order of its own."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from data_pipeline.loader import Loader
from data_pipeline.prepared import Prepared
from data_pipeline.shards import Shard
from orchestrator.errors import DataError
from tests.data_pipeline.conftest import in_small_shards, listed_of

LENGTH = 16


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Shards so small that many windows reach over two of them."""
    return in_small_shards(tmp_path_factory.mktemp("sharded"), 50)


@pytest.fixture(params=["one shard", "many shards"])
def prepared(request: pytest.FixtureRequest, small: Prepared, sharded: Prepared) -> Prepared:
    return small if request.param == "one shard" else sharded


def loader(prepared: Prepared, **changes: int) -> Loader:
    return Loader(prepared, **{"sequence_length": LENGTH, "seed": 5, **changes})


def stream(prepared: Prepared, source: str, split: Any) -> np.ndarray:
    """The oracle: all shards of a split read whole."""
    return np.concatenate(
        [np.fromfile(f"{prefix}.bin", np.uint16) for prefix in prepared.shards(source, split)]
    )


def test_tokens_are_the_windows_that_the_order_names(prepared: Prepared) -> None:
    ours = loader(prepared)
    indices = np.arange(500)
    tokens = ours.tokens(indices)
    assert tokens.shape == (500, LENGTH + 1)
    assert tokens.dtype == torch.int64
    streams = [stream(prepared, source.name, "train") for source in prepared.sources]
    for row, source, start in zip(
        tokens, *[ours.order.samples.locate(indices)[column] for column in (0, 2)], strict=True
    ):
        assert row.tolist() == streams[source][start : start + LENGTH + 1].tolist()


def test_sharding_changes_neither_tokens_nor_their_number(small: Prepared, sharded: Prepared) -> None:
    assert len(sharded.shards("notes", "train")) > 20
    assert (stream(small, "notes", "train") == stream(sharded, "notes", "train")).all()


def test_spans_joined_are_the_sample(prepared: Prepared) -> None:
    ours = loader(prepared)
    documents = documents_of(prepared, "train")
    indices = np.random.default_rng(0).integers(0, 5000, 200)
    for row, origin, index in zip(ours.tokens(indices), ours.describe(indices), indices, strict=True):
        assert origin.sample == index
        joined: list[int] = []
        for span in origin.spans:
            shard, tokens = documents[origin.source, span.document]
            assert shard == span.shard
            assert span.start < span.end <= len(tokens)
            joined += tokens[span.start : span.end]
        assert joined == row.tolist()
    assert max(len(origin.spans) for origin in ours.describe(indices)) > 1


def documents_of(prepared: Prepared, split: Any) -> dict[tuple[str, str], tuple[str, list[int]]]:
    found = {}
    for source in prepared.sources:
        for prefix in prepared.shards(source.name, split):
            for number, name in enumerate(listed_of(prepared, prefix).column("id")):
                found[source.name, name] = (prefix.name, Shard(prefix)[number].tolist())
    return found


def test_an_epoch_in_the_ledger_covers_every_token_of_a_source_once(small: Prepared) -> None:
    ours = loader(small)
    windows, slots = int(ours.order.samples.chunks[1]), int(ours.order.samples.segments[0].whole[1])
    first_epoch = [
        origin
        for origin in ours.describe(np.arange(ours.order.samples.segments[0].size * (windows // slots + 1)))
        if origin.source == "letters" and origin.epoch == 0
    ]
    assert sum(span.end - span.start for origin in first_epoch for span in origin.spans) == windows * (
        LENGTH + 1
    )
    seen = {
        (span.document, token)
        for origin in first_epoch
        for span in origin.spans
        for token in range(span.start, span.end)
    }
    assert len(seen) == windows * LENGTH + 1


def arrays(batches: int = 12) -> list[np.ndarray]:
    return [np.arange(8) + 8 * number for number in range(batches)]


@pytest.mark.parametrize(("workers", "ahead"), [(0, 1), (1, 1), (1, 4), (4, 2), (3, 100)])
def test_the_number_of_workers_changes_nothing(small: Prepared, workers: int, ahead: int) -> None:
    ours = loader(small)
    batches = list(ours.batches(arrays(), workers=workers, ahead=ahead))
    assert torch.equal(torch.cat([batch.tokens for batch in batches]), ours.tokens(np.arange(96)))


def shared_memory() -> set[str]:
    return {path.name for path in Path("/dev/shm").glob(f"samples-{os.getpid()}-*")}


def test_processes_give_the_same_and_leave_nothing_in_memory(small: Prepared) -> None:
    ours = Loader(small, sequence_length=LENGTH, seed=5, apart=True)
    expected = list(ours.batches(arrays(6), workers=0))
    found = list(ours.batches(arrays(6), workers=2, ahead=4, by="processes"))
    for batch, other in zip(expected, found, strict=True):
        assert torch.equal(batch.tokens, other.tokens)
        assert batch.documents is not None
        assert other.documents is not None
        assert torch.equal(batch.documents, other.documents)
    closed = ours.batches(arrays(), workers=2, ahead=6, by="processes")
    next(closed)
    closed.close()  # type: ignore[attr-defined]
    wrong = ours.batches([np.array([0]), np.array([-1]), np.array([1])], workers=1, ahead=3, by="processes")
    next(wrong)
    with pytest.raises(ValueError, match="count from 0, found -1"):
        next(wrong)
    assert shared_memory() == set()


def test_the_documents_of_a_sample_are_those_of_its_origin(prepared: Prepared) -> None:
    ours = Loader(prepared, sequence_length=LENGTH, seed=5, apart=True)
    indices = np.random.default_rng(1).integers(0, 5000, 200)
    [samples] = ours.batches([indices], workers=0)
    assert samples.documents is not None
    for row, origin in zip(samples.documents.tolist(), ours.describe(indices), strict=True):
        assert row == [number for number, span in enumerate(origin.spans) for _ in range(span.end - span.start)]
    held = ours.validation(10)
    assert held.documents is not None
    ends = held.tokens[:, :-1] == prepared.end_id
    assert torch.equal(held.documents[:, 1:] != held.documents[:, :-1], ends), "a new document after every end"


def test_batches_of_each_stage_have_its_length(prepared: Prepared) -> None:
    """A stage of short sequences cuts what one of long ones would read whole: together they repeat and skip nothing."""
    growing = replace(prepared, schedule=({"until": "32 samples", "sequence_length": 8}, {}))
    ours = Loader(growing, sequence_length=LENGTH, seed=5, apart=True)
    arrays = [np.arange(first, first + 16) for first in range(0, 96, 16)]
    batches = list(ours.batches(arrays, workers=1))
    assert [tuple(batch.tokens.shape) for batch in batches] == [(16, 9), (16, 9), *[(16, LENGTH + 1)] * 4]
    for array, batch in zip(arrays, batches, strict=True):
        assert batch.documents is not None
        for row, tokens, origin in zip(batch.documents, batch.tokens, ours.describe(array), strict=True):
            assert len(row) == len(tokens) == sum(span.end - span.start for span in origin.spans)
    with pytest.raises(ValueError, match="samples of several lengths are no one array"):
        ours.tokens(np.arange(24, 40))


def loader_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("loader")]


def test_reading_ahead_is_bounded_and_closing_ends_the_threads(small: Prepared) -> None:
    asked = []

    def endless() -> Any:
        for number in count():
            asked.append(number)
            yield np.array([number])

    batches = loader(small).batches(endless(), workers=2, ahead=3)
    for _ in range(5):
        next(batches)
    assert len(asked) == 8
    batches.close()  # type: ignore[attr-defined]
    assert loader_threads() == []


def test_an_error_in_a_worker_is_raised_in_its_turn(small: Prepared) -> None:
    batches = loader(small).batches([np.array([0]), np.array([-1]), np.array([1])], workers=2)
    next(batches)
    with pytest.raises(ValueError, match="count from 0, found -1"):
        next(batches)
    assert loader_threads() == []


def test_held_out_windows_come_from_held_out_documents_and_are_the_same_for_every_seed(
    prepared: Prepared,
) -> None:
    windows = loader(prepared, seed=1).validation(20).tokens
    assert torch.equal(windows, loader(prepared, seed=2).validation(20).tokens)
    assert torch.equal(windows[:7], loader(prepared).validation(7).tokens)
    held = [stream(prepared, source.name, "validation") for source in prepared.sources]
    cut = {tuple(tokens[at : at + LENGTH + 1]) for tokens in held for at in range(0, len(tokens), LENGTH)}
    assert {tuple(row) for row in windows.tolist()} <= cut
    trained = {document for _, document in documents_of(prepared, "train")}
    assert trained.isdisjoint(document for _, document in documents_of(prepared, "validation"))


def test_more_held_out_windows_than_there_are_gives_all(small: Prepared) -> None:
    expected = sum((source.validation_tokens - 1) // LENGTH for source in small.sources)
    assert len(loader(small).validation(10**6)) == expected


def test_a_sequence_longer_than_a_source_is_refused(small: Prepared) -> None:
    with pytest.raises(
        DataError, match=r"source 'notes' has [0-9,]+ training tokens, but one sample takes 1,000,001"
    ):
        loader(small, sequence_length=1_000_000)


def test_shards_that_shrank_after_they_were_opened_are_refused(small: Prepared, tmp_path: Path) -> None:
    import shutil

    from data_pipeline.prepared import open_prepared

    copy = open_prepared(Path(shutil.copytree(small.folder, tmp_path / "copy")))
    bin_file = copy.folder / "shards/notes/train-00000.bin"
    bin_file.write_bytes(bin_file.read_bytes()[:-2])
    with pytest.raises(DataError, match="the shard is damaged"):
        loader(copy)
