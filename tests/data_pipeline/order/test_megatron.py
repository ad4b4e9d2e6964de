"""Megatron's order, array for array: every expectation here was built by megatron-core's own classes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from data_pipeline.order.megatron import MegatronOrder, build_gpt_index, split_indices
from data_pipeline.order.megatron_blend import blending_indices, exhaustive_blending_indices
from data_pipeline.shards import Shard, ShardWriter
from orchestrator.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore")  # megatron-core warns of optional packages and of its own pad token

SINGLE = [
    # name: (documents, longest, sequence length, samples, seed, split)
    ("one epoch", (200, 60, 32, None, 1234, "1,0,0")),
    ("one epoch, few samples asked", (200, 60, 32, 20, 1234, "1,0,0")),
    ("one epoch, all but", (200, 60, 32, 150, 7, "99,1,0")),
    ("two epochs, last apart", (100, 60, 32, 100, 1234, "1,0,0")),
    ("two epochs, last together", (100, 60, 32, 180, 1234, "1,0,0")),
    ("three epochs, last apart", (100, 60, 32, 200, 3, "1,0,0")),
    ("many epochs", (30, 40, 16, 1000, 5, "1,0,0")),
    ("many epochs of one document", (1, 400, 16, 300, 5, "1,0,0")),
    ("documents longer than samples", (50, 900, 32, 1500, 11, "1,0,0")),
    ("samples longer than documents", (300, 9, 128, 30, 11, "1,0,0")),
    ("samples longer than an epoch", (12, 9, 64, 40, 11, "1,0,0")),
    ("sequence length 1", (20, 9, 1, 90, 2, "1,0,0")),
    ("odd sequence length", (200, 60, 37, 400, 2, "1,0,0")),
    ("training part", (300, 50, 64, 300, 42, "949,41,10")),
    ("training part, uneven", (301, 50, 64, 90, 42, "0.7,0.2,0.1")),
    ("long samples", (400, 300, 2048, 60, 42, "98,2,0")),
    ("seed 0", (80, 60, 16, 333, 0, "1,0,0")),
    ("large seed", (80, 60, 16, 333, 2**32 - 1, "1,0,0")),
]
BLENDS = [
    # name: (weights, samples)
    ("two", ([0.7, 0.3], 200)),
    ("two, uneven decimals", ([0.123, 0.456], 333)),
    ("three", ([1.0, 2.0, 5.0], 500)),
    ("three equal: ties go to the first", ([1.0, 1.0, 1.0], 400)),
    ("five", ([0.303, 0.176, 0.13, 0.107, 0.284], 700)),
    ("five, one rare", ([0.6, 0.2, 0.1, 0.0999, 0.0001], 900)),
    ("one with a weight", ([3.0], 150)),
    ("two by their lengths", (None, 60)),
    ("four by their lengths, all of them", (None, None)),
]


def shard(prefix: Path, documents: int, longest: int, *, dtype: str = "uint16", seed: int = 0) -> Path:
    """Random documents, about one in eight of them without tokens."""
    chance = np.random.default_rng(seed)
    lengths = chance.integers(1, longest + 1, documents) * (chance.random(documents) > 0.12)
    lengths[-1] = max(lengths[-1], 2)
    with ShardWriter(prefix, np.dtype(dtype)) as writer:
        for length in lengths.tolist():
            writer.add(chance.integers(0, 65_000, length))
    return prefix


class Tokenizer:
    vocab_size = 65_000
    eod = 0
    pad = -1
    unique_identifiers = {"class": "Tokenizer"}  # noqa: RUF012


def theirs(prefixes: list[Path], weights: list[float] | None, *, length: int, samples: Any, seed: int, split: str, **more: Any) -> Any:
    """What BlendedMegatronDatasetBuilder makes of the training part (and with `part`, of another)."""
    pytest.importorskip("megatron.core.datasets.helpers_cpp", exc_type=ImportError)
    from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig

    part = more.pop("part", 0)
    config = GPTDatasetConfig(
        random_seed=seed, sequence_length=length, blend=([str(prefix) for prefix in prefixes], weights), split=split,
        tokenizer=Tokenizer(), reset_position_ids=False, reset_attention_mask=False, eod_mask_loss=False,
        create_attention_mask=False, **more,
    )  # fmt: skip
    others = None if weights is None else 0
    sizes = [samples if number == part else others for number in range(3)]
    return BlendedMegatronDatasetBuilder(GPTDataset, sizes, lambda: True, config).build()[part]


def ours(prefixes: list[Path], weights: list[float] | None, *, length: int, samples: int | None, seed: int, split: str, part: int = 0, **more: Any) -> MegatronOrder:
    shards = [Shard(prefix) for prefix in prefixes]
    fractions = [float(number) for number in split.split(",")]
    return MegatronOrder(
        lengths=tuple(each.lengths for each in shards),
        indices=tuple(split_indices(fractions, len(each))[part] for each in shards),
        weights=None if weights is None else tuple(weights), sequence_length=length, samples=samples, seed=seed, **more,
    )  # fmt: skip


def assert_equal_arrays(index: Any, dataset: Any) -> None:
    for name in ("document_index", "sample_index", "shuffle_index"):
        built, expected = getattr(index, name), getattr(dataset, name)
        assert built.dtype == expected.dtype
        np.testing.assert_array_equal(built, expected, name)


def tokens_of(order: MegatronOrder, prefixes: list[Path], sample: int) -> list[int]:
    shards = [Shard(prefix) for prefix in prefixes]
    pieces = order.locate(np.array([sample]))
    parts = zip(pieces.source.tolist(), pieces.document.tolist(), pieces.start.tolist(), pieces.end.tolist(), strict=True)
    return [token for source, document, start, end in parts for token in shards[source][document][start:end].tolist()]


@pytest.mark.parametrize("dtype", ["uint16", "int32"])
@pytest.mark.parametrize(("documents", "longest", "length", "samples", "seed", "split"), [case for _, case in SINGLE], ids=[name for name, _ in SINGLE])
def test_the_index_of_one_source(tmp_path: Path, dtype: str, documents: int, longest: int, length: int, samples: int | None, seed: int, split: str) -> None:
    prefix = shard(tmp_path / "tokens", documents, longest, dtype=dtype, seed=seed % 1000)
    said = {"length": length, "samples": samples, "seed": seed, "split": split}
    dataset, order = theirs([prefix], None, **said), ours([prefix], None, **said)
    assert_equal_arrays(order.sources[0], dataset)
    assert len(order) == len(dataset)
    for sample in (0, len(dataset) // 2, len(dataset) - 1):
        assert tokens_of(order, [prefix], sample) == [*dataset[sample]["tokens"].tolist(), dataset[sample]["labels"][-1].item()]


@pytest.mark.parametrize(("weights", "samples"), [case for _, case in BLENDS], ids=[name for name, _ in BLENDS])
def test_the_indices_of_a_blend(tmp_path: Path, weights: list[float] | None, samples: int | None) -> None:
    count = len(weights) if weights else 2 if samples else 4
    prefixes = [shard(tmp_path / f"s{number}", 40 + 60 * number, 50, seed=number) for number in range(count)]
    said = {"length": 32, "samples": samples, "seed": 1234, "split": "70,30,0"}
    dataset, order = theirs(prefixes, weights, **said), ours(prefixes, weights, **said)
    for index, source in zip(order.sources, dataset.datasets, strict=True):
        assert_equal_arrays(index, source)
    assert order.blend is not None
    for built, expected in zip(order.blend, (dataset.dataset_index, dataset.dataset_sample_index), strict=True):
        assert built.dtype == expected.dtype
        np.testing.assert_array_equal(built, expected)
    for sample in (0, 17, len(dataset) - 1):
        assert tokens_of(order, prefixes, sample) == [*dataset[sample]["tokens"].tolist(), dataset[sample]["labels"][-1].item()]


@pytest.mark.parametrize("drop_last", [True, False])
def test_the_index_of_the_validation_part(tmp_path: Path, drop_last: bool) -> None:
    prefix = shard(tmp_path / "tokens", 300, 50)
    said = {"length": 32, "samples": None, "seed": 9, "split": "7,3,0", "part": 1}
    dataset = theirs([prefix], None, drop_last_partial_validation_sequence=drop_last, **said)
    order = ours([prefix], None, drop_last=drop_last, **said)
    assert_equal_arrays(order.sources[0], dataset)
    tokens = tokens_of(order, [prefix], int(np.argmax(np.asarray(order.sources[0].shuffle_index))))
    assert len(tokens) == 33 if drop_last else len(tokens) <= 33


def test_samples_without_the_extra_token(tmp_path: Path) -> None:
    prefix = shard(tmp_path / "tokens", 100, 50)
    said = {"length": 32, "samples": 150, "seed": 9, "split": "1,0,0"}
    dataset = theirs([prefix], None, add_extra_token_to_sequence=False, **said)
    order = ours([prefix], None, extra=0, **said)
    assert_equal_arrays(order.sources[0], dataset)
    assert tokens_of(order, [prefix], 5) == dataset[5]["tokens"].tolist()


def test_random_sizes_against_the_compiled_helper() -> None:
    """Row by row where documents without tokens come first, last, and in a row."""
    helpers = pytest.importorskip("megatron.core.datasets.helpers", exc_type=ImportError)
    from megatron.core.datasets.gpt_dataset import _build_document_index

    chance = np.random.default_rng(3)
    for trial in range(300):
        lengths = (chance.integers(0, 12, chance.integers(1, 30)) * (chance.random() < 0.9)).astype(np.int32)
        length, extra, epochs = int(chance.integers(1, 20)), int(chance.integers(0, 2)), int(chance.integers(1, 4))
        tokens = int(lengths.sum())
        if tokens <= 1:
            continue
        samples = (epochs * tokens - extra) // length
        if samples < 1 or epochs * tokens - tokens >= samples * length + extra:
            continue
        indices = np.arange(len(lengths), dtype=np.int32)
        index = build_gpt_index(lengths, indices, sequence_length=length, samples=samples, seed=trial, extra=extra)
        expected = helpers.build_sample_idx(lengths, np.array(index.document_index), length, epochs, tokens, True, bool(extra))
        np.testing.assert_array_equal(index.sample_index, expected)
        if len(index.document_index) == len(indices):
            shuffled = _build_document_index(indices, 1, np.random.RandomState(trial), False)
            np.testing.assert_array_equal(index.document_index, shuffled)


@pytest.mark.parametrize("sources", [1, 2, 3, 5, 40])
def test_blends_of_random_weights_against_the_compiled_helper(sources: int) -> None:
    helpers = pytest.importorskip("megatron.core.datasets.helpers", exc_type=ImportError)
    chance = np.random.default_rng(sources)
    weights = chance.dirichlet(np.full(sources, 0.5)) + 1e-6
    size = 20_000
    chosen, ordinal = np.zeros(size, np.int16), np.zeros(size, np.int64)
    helpers.build_blending_indices(chosen, ordinal, (weights / weights.sum()).tolist(), sources, size, False)
    for built, expected in zip(blending_indices(weights.tolist(), size), (chosen, ordinal), strict=True):
        np.testing.assert_array_equal(built, expected)
    sizes = chance.integers(1, 400, sources).tolist()
    chosen, ordinal = np.zeros(sum(sizes), np.int16), np.zeros(sum(sizes), np.int64)
    helpers.build_exhaustive_blending_indices(chosen, ordinal, sizes, sources)
    for built, expected in zip(exhaustive_blending_indices(sizes), (chosen, ordinal), strict=True):
        np.testing.assert_array_equal(built, expected)


def test_finished_arrays_are_found_again(tmp_path: Path) -> None:
    prefixes = [shard(tmp_path / f"s{number}", 100, 50, seed=number) for number in range(2)]
    said = {"length": 32, "samples": 200, "seed": 1, "split": "1,0,0", "cache": tmp_path / "cache"}
    first = ours(prefixes, [0.5, 0.5], **said)
    built = first.locate(np.arange(200))
    files = sorted((tmp_path / "cache").rglob("*.npy"))
    assert len(files) == 2 * 3 + 2
    again = ours(prefixes, [0.5, 0.5], **said)
    for name in vars(built):
        np.testing.assert_array_equal(getattr(again.locate(np.arange(200)), name), getattr(built, name))
    assert sorted((tmp_path / "cache").rglob("*.npy")) == files
    assert isinstance(again.sources[0].sample_index, np.memmap)


def test_what_cannot_be_built_is_refused(tmp_path: Path) -> None:
    prefix = shard(tmp_path / "tokens", 20, 9)
    with pytest.raises(DataError, match="needs its number of samples"):
        ours([prefix], [1.0], length=8, samples=None, seed=0, split="1,0,0")
    order = ours([prefix], None, length=8, samples=5, seed=0, split="1,0,0")
    with pytest.raises(DataError, match=r"there are samples 0 to \d+, not 0 to 1,000"):
        order.locate(np.array([0, 1000]))
    empty = SimpleNamespace(lengths=np.zeros(3, np.int32), indices=np.arange(3, dtype=np.int32))
    with pytest.raises(DataError, match="3 sequences with 0 tokens"):
        build_gpt_index(empty.lengths, empty.indices, sequence_length=8, samples=1, seed=0)
