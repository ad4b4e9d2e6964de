"""What the order of samples costs, beside Megatron's index in the same run: `make bench-order`.

Three things. Start-up and memory of an order of 10**12 tokens over 500 sources, plain and with every source capped (the most changes
that a run can have), in a fresh process each. Samples located per second, in their order and at random. And the start of
training data: from the prefix of a shard of 10**9 tokens to the places of the first batch, one epoch, alternating, in a million documents
and in as many as C4 has for so many tokens. Each turn does either side `REPEATS` times in a row: the first finds the
processor's caches full of what the other side left there, the least of them is what the work itself takes.
Megatron opens the shard's index and builds GPTDataset's document, sample and shuffle index; the project's order needs only the number of
tokens, which a prepared folder has on record. The shard is a sparse file, of whose tokens neither reads one.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from data_pipeline.order import SampleOrder

SOURCES, TOKENS, LENGTH, BATCH, REPEATS = 500, 10**12, 2048, 512, 3
TARGET, DOCUMENTS, DOCUMENTS_OF_C4 = 100, 10**6, 365 / 156_000  # of 10**9 tokens; a token


def many_sources(cap: float | None) -> SampleOrder:
    """10**12 tokens over 500 sources, sizes and weights over five orders of magnitude."""
    chance = np.random.default_rng(0)
    sizes = chance.lognormal(0, 2.5, SOURCES)
    tokens = (sizes / sizes.sum() * TOKENS).astype(np.int64) + 2 * LENGTH
    weights = sizes**0.7
    return SampleOrder.plain(
        tokens_per_source=tokens.tolist(), weights=weights.tolist(), sequence_length=LENGTH, seed=1, fingerprint="f",
        names=[f"source {number}" for number in range(SOURCES)], caps=[cap] * SOURCES,
    )  # fmt: skip


def start(cap: float | None) -> dict[str, float]:
    """Seconds from nothing to the places of the first batch, and the MB that the process grew by; in a fresh process."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    order = many_sources(cap)
    order.locate(np.arange(BATCH))
    took = time.perf_counter() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"seconds": took, "MB": grown / 1024, "segments": len(order.segments)}


def now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def since(began: tuple[float, float]) -> tuple[float, float]:
    wall, processor = now()
    return wall - began[0], processor - began[1]


def in_a_fresh_process(cap: float | None) -> dict[str, float]:
    said = [sys.executable, "-m", "benchmarks.order", "--start", "none" if cap is None else str(cap)]
    told: dict[str, float] = json.loads(subprocess.run(said, check=True, capture_output=True, text=True).stdout)
    return told


def per_second(locate: Callable[[np.ndarray], Any], indices: np.ndarray, batch: int) -> float:
    began = time.perf_counter()
    for first in range(0, len(indices), batch):
        locate(indices[first : first + batch])
    return len(indices) / (time.perf_counter() - began)


def sparse_shard(prefix: Path, documents: int, tokens: int) -> None:
    """A shard whose `.idx` Megatron wrote and whose `.bin` is a hole."""
    from megatron.core.datasets.indexed_dataset import _IndexWriter

    cuts = np.sort(np.random.default_rng(0).integers(0, tokens + 1, documents - 1))
    lengths = np.diff(np.concatenate(([0], cuts, [tokens]))).astype(np.int32)
    with _IndexWriter(f"{prefix}.idx", np.uint16) as writer:
        writer.write(lengths.tolist(), None, list(range(documents + 1)))
    with Path(f"{prefix}.bin").open("wb") as file:
        file.truncate(2 * tokens)


Turns = list[list[tuple[float, float]]]  # [run][repeat]: wall seconds, processor seconds


def beside_megatron(documents: int, tokens: int, runs: int) -> tuple[Turns, Turns]:
    """Times of Megatron and of ours. Megatron's arrays go to a folder that is new each time."""
    from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig

    class Tokenizer:
        vocab_size, eod, pad = 65_000, 0, -1
        unique_identifiers = {"class": "Tokenizer"}  # noqa: RUF012

    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(folder) / "tokens"
        sparse_shard(prefix, documents, tokens)

        def megatron(seed: int) -> None:
            config = GPTDatasetConfig(
                random_seed=seed, sequence_length=LENGTH, blend=([str(prefix)], None), split="1,0,0", tokenizer=Tokenizer(),
                reset_position_ids=False, reset_attention_mask=False, eod_mask_loss=False, create_attention_mask=False,
                path_to_cache=f"{folder}/cache-{seed}",
            )  # fmt: skip
            dataset = BlendedMegatronDatasetBuilder(GPTDataset, [None, None, None], lambda: True, config).build()[0]
            for sample in dataset.shuffle_index[:BATCH]:
                dataset.sample_index[sample]

        def own(seed: int) -> None:
            order = SampleOrder.plain(
                tokens_per_source=(tokens,), weights=(1.0,), sequence_length=LENGTH, seed=seed, fingerprint="f"
            )
            order.locate(np.arange(BATCH))

        def turn(start: Callable[[int], None], run: int) -> list[tuple[float, float]]:
            return [timed(start, run * REPEATS + repeat) for repeat in range(REPEATS)]

        turns = [(turn(megatron, run), turn(own, run)) for run in range(runs)]
    return [theirs for theirs, _ in turns], [ours for _, ours in turns]


def timed(start: Callable[[int], None], seed: int) -> tuple[float, float]:
    began = now()
    start(seed)
    return since(began)


def tell_beside_megatron(documents: int, tokens: int, runs: int) -> None:
    theirs, ours = beside_megatron(documents, tokens, runs)
    print(f"start of training data, {tokens:.0e} tokens in {documents:,} documents, {runs} turns of {REPEATS}; wanted x{TARGET}")
    for clock, column in (("wall", 0), ("processor", 1)):
        for what, of in (("least of a turn", min), ("first of a turn", lambda times: times[0])):
            their, our = ([of([times[column] for times in turn]) for turn in side] for side in (theirs, ours))
            ratios = sorted(one / other for one, other in zip(their, our, strict=True))
            print(
                f"  {clock:10}{what:16} Megatron {statistics.median(their):.4f} s, ours {statistics.median(our):.5f} s, "
                f"ratio {statistics.median(ratios):.0f} ({ratios[0]:.0f} to {ratios[-1]:.0f}), least to least {min(their) / min(our):.0f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--start", help=argparse.SUPPRESS)
    parser.add_argument("--tokens", type=int, default=10**9, help="of the shard beside Megatron")
    parser.add_argument("--documents", type=int, help="of that shard; by default a million, then as long as C4's (156 B tokens in 365 M)")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--samples", type=int, default=500_000, help="located for the samples per second")
    asked = parser.parse_args()
    if asked.start is not None:
        print(json.dumps(start(None if asked.start == "none" else float(asked.start))))
        return
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    print(f"{TOKENS:.0e} tokens, {SOURCES} sources, sequences of {LENGTH}; a fresh process each")
    for name, cap in (("no caps", None), ("all capped at 3 epochs", 3.0)):
        told = in_a_fresh_process(cap)
        print(f"  {name:24} {told['seconds']:.3f} s to the first batch, {told['MB']:.0f} MB, {told['segments']:.0f} segments")
    order = many_sources(None)
    in_turn = np.arange(asked.samples)
    scattered = np.random.default_rng(1).integers(0, 10**9, asked.samples)
    print(f"samples located per second, batches of {BATCH}, {SOURCES} sources")
    print(f"  in order                 {per_second(order.locate, in_turn, BATCH):,.0f}")
    print(f"  at random                {per_second(order.locate, scattered, BATCH):,.0f}")
    for documents in (asked.documents,) if asked.documents else (DOCUMENTS, round(asked.tokens * DOCUMENTS_OF_C4)):
        tell_beside_megatron(documents, asked.tokens, asked.runs)


if __name__ == "__main__":
    main()
