"""`packing: best_fit`: whole documents in every sample, dealt out once an epoch, and the padding told."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from data_pipeline.lineage import find_document, occurrences
from data_pipeline.loader import Loader
from data_pipeline.order.best_fit import pack
from data_pipeline.prepared import Prepared
from data_pipeline.shards import Shard
from data_pipeline.stored.orders import order_of, packed_order, require_enough
from data_pipeline.stored.packed import Packed
from data_pipeline.stored.storage import Here
from orchestrator.errors import DataError
from tests.data_pipeline.conftest import in_small_shards, listed_of

LENGTH = 48


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Several shards a source."""
    return in_small_shards(tmp_path_factory.mktemp("packed"), 2000)


def packed(prepared: Prepared, length: int = LENGTH, cache: Path | None = None, **changes: Any) -> Packed:
    return packed_order(prepared, Here(prepared.folder, prepared.files), **{"sequence_length": length, "seed": 5, "cache": cache, **changes})


def loader(prepared: Prepared, order: Packed, length: int = LENGTH, apart: bool = True) -> Loader:
    return Loader(prepared, sequence_length=length, seed=5, order=order, apart=apart)


def documents_of(prepared: Prepared, source: str) -> dict[str, list[int]]:
    return {
        name: Shard(prefix)[number].tolist() for prefix in prepared.shards(source, "train")
        for number, name in enumerate(listed_of(prepared, prefix).column("id"))
    }  # fmt: skip


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(length=some.sampled_from([1, 2, 7, LENGTH, 500]), seed=some.integers(0, 2**32), size=some.integers(1, 9))
def test_an_epoch_reads_every_token_of_every_document_once(prepared: Prepared, length: int, seed: int, size: int) -> None:
    """And no document that fits is cut. However the numbers are asked for, in whatever batches, the answers are the same."""
    order = packed(prepared, length, seed=seed)
    number = int(order.samples.chunks.max() * order.samples.segments[0].size // order.samples.segments[0].whole.min()) + 1
    origins = loader(prepared, order, length).describe(np.arange(number))
    for source, packing in zip(prepared.sources, order.sources, strict=True):
        first = [origin for origin in origins if (origin.source, origin.epoch) == (source.name, 0)]
        assert len(first) == len(packing)
        read = Counter((span.document, token) for origin in first for span in origin.spans for token in range(span.start, span.end))
        whole = documents_of(prepared, source.name)
        assert read == Counter((name, token) for name, tokens in whole.items() for token in range(len(tokens)))
        spans = Counter(span.document for origin in first for span in origin.spans)
        assert spans == {name: -(-len(tokens) // (length + 1)) for name, tokens in whole.items()}
        lengths = [Shard(prefix).lengths for prefix in prepared.shards(source.name, "train")]
        assert len(packing) == sum(len(pack(each, length + 1)) for each in lengths)
    numbers = np.arange(0, min(number, 60))
    once = order.pieces(numbers)
    again = [order.pieces(numbers[at : at + size]) for at in range(0, len(numbers), size)]
    for name in ("source", "epoch", "start", "length"):
        assert np.concatenate([getattr(each, name) for each in again]).tolist() == getattr(once, name).tolist()
    assert order.filled(numbers).tolist() == once.sizes(len(numbers)).tolist()


@pytest.mark.parametrize("length", [1, 7, LENGTH])
def test_a_document_is_found_in_every_sample_that_holds_it(prepared: Prepared, length: int) -> None:
    order, samples = packed(prepared, length), 600
    reader = loader(prepared, order, length)._reader
    holds: dict[tuple[str, str], set[tuple[int, int, int]]] = {}
    for origin in reader.describe(np.arange(samples)):
        for span in origin.spans:
            holds.setdefault((origin.source, span.document), set()).add((origin.sample, span.start, span.end))
    for (source, document), expected in sorted(holds.items())[::20]:
        [found] = [each for each in find_document(prepared, Here(prepared.folder, prepared.files), document) if each.source == source]
        got = occurrences(reader, found, samples)
        assert [(each.sample, each.start, each.end) for each in got] == sorted(expected)


def test_a_row_is_its_documents_and_then_padding_that_is_a_document_of_its_own(prepared: Prepared) -> None:
    ours = loader(prepared, packed(prepared))
    documents = {source.name: documents_of(prepared, source.name) for source in prepared.sources}
    numbers = np.arange(200)
    [batch] = ours.batches([numbers], workers=0)
    assert batch.documents is not None
    assert batch.filled is not None
    assert batch.tokens.shape == batch.documents.shape == (200, LENGTH + 1)
    assert (batch.tokens.dtype, batch.documents.dtype, batch.filled.dtype) == (torch.int64, torch.int32, torch.int64)
    for tokens, apart, filled, origin in zip(
        batch.tokens.tolist(), batch.documents.tolist(), batch.filled.tolist(), ours.describe(numbers), strict=True
    ):
        joined = [token for span in origin.spans for token in documents[origin.source][span.document][span.start : span.end]]
        assert tokens == joined + [prepared.end_id] * (LENGTH + 1 - filled)
        counted = [number for number, span in enumerate(origin.spans) for _ in range(span.end - span.start)]
        assert apart == counted + [len(origin.spans)] * (LENGTH + 1 - filled)
    assert len(set(batch.filled.tolist())) > 3
    assert ours.targets(numbers) == int((batch.filled - 1).sum())
    assert [len(row) for row in ours.rows(numbers)] == batch.filled.tolist()
    [small] = batch[3:5].split(2)
    assert small.filled is not None
    assert small.filled.tolist() == batch.filled[3:5].tolist()
    assert loader(prepared, packed(prepared), apart=False).tokens(numbers).equal(batch.tokens)
    held = ours.validation(4)
    assert held.filled is None, "windows that a run is judged on are cut from the stream, as without packing"


def test_a_target_weighs_something_where_it_is_no_padding(prepared: Prepared) -> None:
    [batch] = loader(prepared, packed(prepared)).batches([np.arange(6)], workers=0)
    weights = batch.weights(1.5)
    assert weights is not None
    assert batch.filled is not None
    assert weights.dtype == torch.float32
    assert weights.tolist() == [[1.5] * (filled - 1) + [0.0] * (LENGTH + 1 - filled) for filled in batch.filled.tolist()]


def test_processes_give_what_threads_give(prepared: Prepared, tmp_path: Path) -> None:
    """Tokens and lengths alone: the array between them, the documents, is not there."""
    ours = loader(prepared, packed(prepared, cache=tmp_path), apart=False)
    arrays = [np.arange(8) + 8 * number for number in range(3)]
    threads = list(ours.batches(arrays, workers=2, ahead=2))
    for one, other in zip(threads, ours.batches(arrays, workers=1, by="processes"), strict=True):
        assert one.tokens.equal(other.tokens)
        assert one.filled is not None
        assert other.filled is not None
        assert one.filled.equal(other.filled)
        assert one.documents is None
        assert other.documents is None


def test_packings_are_kept_one_a_shard_and_found_again(prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = loader(prepared, packed(prepared, cache=tmp_path)).tokens(np.arange(50))
    shards = sum(len(prepared.shards(source.name, "train")) for source in prepared.sources)
    assert shards > 2
    assert len(list(tmp_path.iterdir())) == shards
    monkeypatch.setattr("data_pipeline.stored.packed.pack", None)
    assert loader(prepared, packed(prepared, cache=tmp_path)).tokens(np.arange(50)).equal(expected)


def test_caps_end_a_run_and_padding_is_counted(prepared: Prepared) -> None:
    once = replace(prepared, sources=tuple(replace(source, max_epochs=1.0) for source in prepared.sources))
    order = packed(once)
    total = sum(len(source) for source in order.sources)
    require_enough(order, total)
    with pytest.raises(DataError, match=f"the run takes {total + 1:,} samples"):
        require_enough(order, total + 1)
    filled = order.filled(np.arange(total))
    assert filled.sum() == prepared.train_tokens
    assert order.padding == pytest.approx(1 - filled.mean() / (LENGTH + 1))
    assert 0 < order.padding < 0.1


def test_stages_may_change_weights_but_not_the_length_of_samples(prepared: Prepared) -> None:
    storage = Here(prepared.folder, prepared.files)
    said: dict[str, Any] = {"sequence_length": LENGTH, "seed": 5, "samples": 64, "batch": 8, "packing": "best_fit"}
    turned = replace(prepared, schedule=({"until": "32 samples", "weights": {"letters": 1}}, {"sequence_length": LENGTH}))
    origins = Loader(prepared, sequence_length=LENGTH, seed=5, order=order_of(None, turned, storage, **said)).describe(np.arange(64))
    assert {origin.source for origin in origins[:32]} == {"letters"}
    assert {origin.source for origin in origins[32:]} == {"letters", "notes"}
    growing = replace(prepared, schedule=({"until": "32 samples", "sequence_length": 24}, {}))
    with pytest.raises(DataError, match=r"sequences of 24 tokens, and documents are packed into samples of one length, here 48; leave"):
        order_of(None, growing, storage, **said)
