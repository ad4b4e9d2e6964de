"""Prints samples read per core-second, beside megatron-core's GPTDataset on the same shards, here and through the cache.

    python -m benchmarks.loader [--tokens 50M] [--samples 20000] [--length 2048]

Both sides read the same number of samples at random from the same shards, in turns, and the best of some runs of
each counts (processor time, so that a busy machine does not matter). Megatron is measured twice: what its dataset
gives for an index (tokens, labels, mask and positions), and its raw query for tokens alone. `read` is what the training loop
calls: a batch of samples as one tensor. Exits with 1 where a read is slower than Megatron's raw query.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from data_pipeline.loader import Loader
from data_pipeline.prepared import Prepared, PreparedSource
from data_pipeline.shards import ShardWriter
from data_pipeline.stored.cache import BlockCache
from data_pipeline.stored.far import Far
from data_pipeline.stored.orders import order_of
from data_pipeline.stored.storage import LARGE_BLOCK, SMALL_BLOCK, Here, There
from orchestrator.units import parse_count

VOCABULARY, END, BATCH, SEED = 50_000, 0, 64, 1234


def made(folder: Path, tokens: int) -> Prepared:
    """One source of random documents of about 600 tokens, as if it had been prepared."""
    chance = np.random.default_rng(0)
    prefix = folder / "shards/text/train-00000"
    prefix.parent.mkdir(parents=True)
    with ShardWriter(prefix, np.dtype("<u2")) as writer:
        while writer.tokens < tokens:
            document = chance.integers(1, VOCABULARY, int(chance.lognormal(6, 1)) + 2)
            document[-1] = END
            writer.add(document)
        written, documents = writer.tokens, len(writer.lengths)
    files = {
        path.relative_to(folder).as_posix(): (path.stat().st_size, hashlib.sha256(path.name.encode()).hexdigest())
        for path in prefix.parent.iterdir()
    }
    source = PreparedSource(name="text", weight=1.0, train_tokens=written, validation_tokens=0, documents=documents)
    return Prepared(
        folder=folder, name="made", fingerprint="made", vocab_size=VOCABULARY, end_id=END, sources=(source,), files=files
    )  # fmt: skip


def megatron(prepared: Prepared, length: int, samples: int) -> Any:
    """Its dataset over the same shard."""
    from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig

    class Tokenizer:
        vocab_size, eod, pad = VOCABULARY, END, -1
        unique_identifiers = {"class": "Tokenizer"}  # noqa: RUF012

    config = GPTDatasetConfig(
        random_seed=SEED, sequence_length=length, blend=([str(prepared.shards("text", "train")[0])], None), split="1,0,0",
        tokenizer=Tokenizer(), reset_position_ids=False, reset_attention_mask=False, eod_mask_loss=False,
        create_attention_mask=False,
    )  # fmt: skip
    return BlendedMegatronDatasetBuilder(GPTDataset, [samples, 0, 0], lambda: True, config).build()[0]


def seconds(works: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Processor seconds of each, in turn, the least of some runs."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(runs):
        for name, work in works.items():
            began = time.process_time()
            work()
            best[name] = min(best[name], time.process_time() - began)
    return best


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=parse_count, default="50M")
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # megatron-core's, of packages that it does without
    with tempfile.TemporaryDirectory() as folder:
        return compare(Path(folder), options)


def compare(folder: Path, options: argparse.Namespace) -> int:
    prepared = made(folder / "made", options.tokens)
    available = prepared.train_tokens // options.length - 1
    numbers = np.random.default_rng(1).integers(0, available, options.samples)
    batches = [numbers[first : first + BATCH] for first in range(0, len(numbers), BATCH)]
    here = Here(prepared.folder, prepared.files)
    said = {"sequence_length": options.length, "seed": SEED}

    def loader(order: Any, storage: Any, apart: bool = False, packing: Any = None) -> Loader:
        made_order = order_of(order, prepared, here, **said, samples=available, batch=1, packing=packing)
        return Loader(prepared, **said, storage=storage, order=made_order, apart=apart)

    def far(name: str, block: int) -> There:
        size = sum(size for size, _ in prepared.files.values())
        cache = BlockCache(folder / name, capacity=2 * size + 64 * block, block=block)
        return There(far=Far(url=prepared.folder.as_uri()), files=prepared.files, cache=cache)

    dataset = megatron(prepared, options.length, available)
    own, theirs = loader(None, here), loader("megatron", here)
    np.testing.assert_array_equal(theirs.tokens(numbers[:50])[:, :-1], np.stack([dataset[each]["tokens"] for each in numbers[:50].tolist()]))
    packed, packed_apart = (loader(None, here, apart=apart, packing="best_fit") for apart in (False, True))
    streamed = {f"read, streamed, blocks of {block // 1024} KiB": loader(None, far(str(block), block)) for block in (LARGE_BLOCK, SMALL_BLOCK)}
    print("first pass, every block fetched (from this disk):")
    for name, each in streamed.items():
        began, used = time.perf_counter(), time.process_time()
        read(each, batches)
        told(f"  {name}", len(numbers), time.process_time() - used, f"{time.perf_counter() - began:.1f} s")
    found = seconds(
        {
            "megatron-core, dataset[i]": lambda: [dataset[each] for each in numbers.tolist()],
            "megatron-core, raw query": lambda: [dataset._query_document_sample_shuffle_indices(each) for each in numbers.tolist()],
            "read, own order": lambda: read(own, batches),
            "read, order: megatron": lambda: read(theirs, batches),
            "read, own order, documents apart": lambda: read(loader(None, here, apart=True), batches),
            "read, packed": lambda: read(packed, batches),
            "read, packed, documents apart": lambda: read(packed_apart, batches),
            **{f"{name}, held": lambda each=each: read(each, batches) for name, each in streamed.items()},
        },
        options.runs,
    )
    print(f"samples of {options.length:,} tokens, {prepared.train_tokens:,} tokens in all:")
    whole, raw = (found[f"megatron-core, {name}"] for name in ("dataset[i]", "raw query"))
    for name, used in found.items():
        told(f"  {name}", len(numbers), used, f"x{whole / used:.2f} of dataset[i]   x{raw / used:.2f} of the raw query")
    print("batches of 64 handed to the training loop, on the clock:")
    ways: list[tuple[Any, int]] = [("threads", 0), ("threads", 1), ("threads", 2), ("processes", 1), ("processes", 2)]
    for by, workers in ways:
        handed = loader(None, here, apart=True).batches(batches, workers=workers, ahead=4, by=by)
        next(handed)  # processes have begun
        began = time.perf_counter()
        count = sum(len(batch) for batch in handed)
        name = f"  {workers} {by}" if workers else "  read when asked for"
        print(f"{name:<44}{count / (time.perf_counter() - began):>10,.0f} samples per second")
    slower = [name for name in ("read, own order", "read, order: megatron") if found[name] > raw]
    print(f"slower than the raw query: {', '.join(slower) or 'none'}; wanted: none")
    return 1 if slower else 0


def read(loader: Loader, batches: list[np.ndarray]) -> None:
    for _ in loader.batches(batches, workers=0):
        pass


def told(name: str, samples: int, used: float, more: str) -> None:
    print(f"{name:<44}{samples / used:>10,.0f} samples per core-second   {more}")


if __name__ == "__main__":
    sys.exit(main())
