"""`order: megatron`: the samples of a run that Megatron-LM begins on the same shards, token for token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_pipeline.build import writing
from data_pipeline.lineage import find_document, occurrences
from data_pipeline.loader import Loader
from data_pipeline.mixture import load_mixture
from data_pipeline.prepare import prepare
from data_pipeline.prepared import Prepared
from data_pipeline.stored.orders import order_of
from data_pipeline.stored.reader import SampleReader
from data_pipeline.stored.storage import Here
from orchestrator.errors import DataError
from tests.data_pipeline.conftest import PAGE, write_texts
from tests.data_pipeline.order.test_megatron import theirs

pytestmark = pytest.mark.filterwarnings("ignore")  # megatron-core warns of optional packages and of its own pad token

LENGTH, SEED = 16, 1234


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A mixture of one source."""
    folder = tmp_path_factory.mktemp("alone")
    page = write_texts(folder / "texts")
    lines = PAGE.splitlines()
    page.write_text("\n".join(line for line in lines if "letters" not in line))
    return prepare(load_mixture(page), folder / "cache")


def loader(prepared: Prepared, samples: int, cache: Path | None = None) -> Loader:
    storage = Here(prepared.folder, prepared.files)
    order = order_of("megatron", prepared, storage, sequence_length=LENGTH, seed=SEED, samples=samples, batch=1, cache=cache)
    return Loader(prepared, sequence_length=LENGTH, seed=SEED, storage=storage, order=order, apart=True)


def megatron(prepared: Prepared, samples: int) -> Any:
    prefixes = [prefix for source in prepared.sources for prefix in prepared.shards(source.name, "train")]
    weights = [source.weight for source in prepared.sources] if len(prepared.sources) > 1 else None
    return theirs(prefixes, weights, length=LENGTH, samples=samples, seed=SEED, split="1,0,0")


def rows_of(dataset: Any, samples: int) -> np.ndarray:
    rows = [dataset[sample] for sample in range(samples)]
    return np.stack([np.append(row["tokens"].numpy(), row["labels"].numpy()[-1]) for row in rows])


@pytest.mark.parametrize("samples", [50, 1000], ids=["one epoch", "several epochs"])
def test_samples_of_one_source_are_those_of_its_gpt_dataset(alone: Prepared, tmp_path: Path, samples: int) -> None:
    expected = rows_of(megatron(alone, samples), samples)
    np.testing.assert_array_equal(loader(alone, samples).tokens(np.arange(samples)).numpy(), expected)
    kept = [loader(alone, samples, tmp_path).tokens(np.arange(samples)).numpy() for _ in range(2)]
    np.testing.assert_array_equal(kept, [expected, expected])


def test_samples_of_two_sources_are_those_of_their_blend(small: Prepared) -> None:
    expected = rows_of(megatron(small, 600), 600)
    ours = loader(small, 600)
    np.testing.assert_array_equal(ours.tokens(np.arange(600)).numpy(), expected)
    arrays = [np.arange(0, 600, 7), np.arange(3)]
    for batch, array in zip(ours.batches(arrays, workers=1, by="processes"), arrays, strict=True):
        np.testing.assert_array_equal(batch.tokens.numpy(), expected[array])


def test_a_source_in_many_shards_is_one_row_of_documents(alone: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "TOKENS_PER_SHARD", 50)
    page = write_texts(tmp_path / "texts")
    page.write_text("\n".join(line for line in PAGE.splitlines() if "letters" not in line))
    sharded = prepare(load_mixture(page), tmp_path / "cache")
    assert len(sharded.shards("notes", "train")) > 20
    np.testing.assert_array_equal(loader(sharded, 400).tokens(np.arange(400)), loader(alone, 400).tokens(np.arange(400)))


def test_documents_and_origins_follow_the_shuffled_documents(small: Prepared) -> None:
    ours = loader(small, 300)
    [batch] = ours.batches([np.arange(300)], workers=0)
    assert batch.documents is not None
    for row, tokens, origin in zip(batch.documents.tolist(), batch.tokens.tolist(), ours.describe(np.arange(300)), strict=True):
        assert row == [number for number, span in enumerate(origin.spans) for _ in range(span.end - span.start)]
        ends = [at + 1 for at, token in enumerate(tokens[:-1]) if token == small.end_id]
        assert [at for at in range(1, LENGTH + 1) if row[at] != row[at - 1]] == ends


@pytest.mark.parametrize("order", [None, "megatron"])
@pytest.mark.parametrize("which", ["alone", "small"])
def test_the_samples_found_for_a_document_are_all_that_hold_it(request: pytest.FixtureRequest, order: Any, which: str) -> None:
    prepared: Prepared = request.getfixturevalue(which)
    storage, samples = Here(prepared.folder, prepared.files), 700
    made = order_of(order, prepared, storage, sequence_length=LENGTH, seed=SEED, samples=samples, batch=1)
    reader = SampleReader(prepared, storage, made)
    holds: dict[tuple[str, str], set[tuple[int, int, int]]] = {}
    for origin in reader.describe(np.arange(samples)):
        for span in origin.spans:
            holds.setdefault((origin.source, span.document), set()).add((origin.sample, span.start, span.end))
    assert len(holds) > 50
    for (source, document), expected in holds.items():
        [found] = [each for each in find_document(prepared, storage, document) if each.source == source]
        got = occurrences(reader, found, samples)
        assert {(each.sample, each.start, each.end) for each in got} == expected
        assert [each.sample for each in got] == sorted(each.sample for each in got)


def test_a_seed_that_numpy_does_not_take_is_refused(alone: Prepared) -> None:
    storage = Here(alone.folder, alone.files)
    with pytest.raises(DataError, match="takes seeds up to 4,294,967,295, found 4,294,967,296"):
        order_of("megatron", alone, storage, sequence_length=LENGTH, seed=2**32, samples=10, batch=1)
