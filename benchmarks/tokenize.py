"""Tokens per core-second beside the `tokenizers` library called directly: `make bench-tokenize ARGS="--corpus FOLDER"`.

The same tokenizer, learnt here from a part of the folder, and the same documents on all sides. Each side has a tokenizer of its
own, since they fill caches; the sides take turns, another first each time, at every few hundred documents, so that whatever else
the machine does falls on all. Everyone delivers an int32 array for each document, which is what a shard is written from. Counted is the processor time of
all threads, once with one thread and once with as many as the library takes. The ids must be equal, else the figures are of no use.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml
from tokenizers import Tokenizer

from benchmarks.filters.documents import read
from data_pipeline.tokenize.encoder import load_encoder, train_encoder
from data_pipeline.tokenize.fast import fastest
from data_pipeline.tokenize.recipes import Recipe
from data_pipeline.tokenize.section import TokenizerSection

TARGET = 1.0
TURN = 256  # documents encoded by one side before it is the next one's turn
BATCH = 1000  # documents of a direct call, as `datasets.map` hands them over
CHECKED = 200  # documents that gigatoken is compared on before it is used

Encode = Callable[[list[str]], list[np.ndarray]]


def direct(path: Path, name: str) -> Encode:
    """The library alone, as it is called without this project."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.encode_special_tokens = True

    def in_batches(texts: list[str]) -> list[np.ndarray]:
        encode = getattr(tokenizer, name)
        batches = (texts[start : start + BATCH] for start in range(0, len(texts), BATCH))
        return [np.array(one.ids, np.int32) for batch in batches for one in encode(batch, add_special_tokens=False)]

    def one_by_one(texts: list[str]) -> list[np.ndarray]:
        return [np.array(tokenizer.encode(text, add_special_tokens=False).ids, np.int32) for text in texts]

    return one_by_one if name == "encode" else in_batches


def measure(path: Path, documents: Path) -> None:
    """All sides in this process; prints {name: [seconds, tokens, documents that differ]}, and whether gigatoken is used."""
    texts = json.loads(documents.read_text())
    truth, encoder = load_encoder(path), load_encoder(path)
    fast, check = fastest(encoder, texts[:CHECKED])
    sides: dict[str, Encode] = {name: direct(path, name) for name in ("encode_batch_fast", "encode_batch", "encode")}
    sides["here, tokenizers"] = encoder.encode
    if check.used:
        sides["here, gigatoken"] = fast.encode
    taken = {name: [0.0, 0, 0] for name in sides}
    for start in range(0, len(texts), TURN):
        turn = texts[start : start + TURN]
        expected = [ids[:-1] for ids in truth.encode(turn)]
        order = list(sides)[start // TURN % len(sides) :] + list(sides)[: start // TURN % len(sides)]
        for name in order:
            encode = sides[name]
            began = os.times()
            arrays = encode(turn)
            ended = os.times()
            if name.startswith("here"):
                arrays = [array[:-1] for array in arrays]
            taken[name][0] += ended.user + ended.system - began.user - began.system
            taken[name][1] += sum(array.size for array in arrays)
            taken[name][2] += sum(not np.array_equal(one, other) for one, other in zip(arrays, expected, strict=True))
    print(json.dumps({"sides": taken, "gigatoken": "used" if check.used else check.why}))


def compare(path: Path, documents: Path, threads: str | None) -> bool:
    """One run in a process of its own, since the library counts its threads once; True where the target is met."""
    rest = {name: value for name, value in os.environ.items() if name != "RAYON_NUM_THREADS"}
    environment = {**rest, "RAYON_NUM_THREADS": threads} if threads else rest
    command = [sys.executable, "-m", "benchmarks.tokenize", "--measure", str(path), str(documents)]
    told = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    speeds = {name: tokens / seconds for name, (seconds, tokens, _) in told["sides"].items()}
    best = max(speed for name, speed in speeds.items() if not name.startswith("here"))
    different = sum(wrong for _, _, wrong in told["sides"].values())
    print(f"{threads or 'default'} threads; gigatoken: {told['gigatoken']}; documents with other ids: {different}")
    for name, speed in speeds.items():
        print(f"  {name:<20}{speed / 1e6:>8.3f} M tokens per core-second   x{speed / best:.3f} of the best direct call")
    ours = max(speed for name, speed in speeds.items() if name.startswith("here"))
    return ours >= TARGET * best and not different


def recipe_of(said: str, vocab_size: int) -> Recipe:
    """A recipe as the page says it: `byte_bpe`, `{byte_bpe: {split: bloom}}`."""
    section = TokenizerSection.model_validate({"train": yaml.safe_load(said), "vocab_size": vocab_size})
    assert isinstance(section.train, Recipe)
    return section.train


def main() -> int:
    """Prints the table; exit code 1 where the target is missed or ids differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, help="a folder of .jsonl or .jsonl.zst files with `text`")
    parser.add_argument("--recipe", action="append", help="as on a page, any number of times; byte_bpe if none is given")
    parser.add_argument("--vocab-size", type=int, default=32_000)
    parser.add_argument("--documents", type=int, default=4000)
    parser.add_argument("--longest", type=int, default=200_000, help="characters of a document")
    parser.add_argument("--sample", type=int, default=1000, help="documents that the tokenizer is learnt from")
    parser.add_argument("--measure", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(*options.measure)
        return 0
    if options.corpus is None:
        parser.error("--corpus names a folder of text")
    texts = [entry.text for entry in read(options.corpus, options.sample + options.documents, options.longest)]
    sample, texts = texts[: options.sample], texts[-options.documents :]
    met = True
    with tempfile.TemporaryDirectory() as folder:
        documents = Path(folder, "documents.json")
        documents.write_text(json.dumps(texts))
        for said in options.recipe or ["byte_bpe"]:
            encoder = train_encoder(recipe_of(said, options.vocab_size), sample, options.vocab_size)
            path = Path(folder, "tokenizer.json")
            path.write_text(encoder.to_json())
            print(f"{said}: {encoder.vocab_size:,} tokens learnt from {len(sample):,} documents; {len(texts):,} encoded")
            met = all([compare(path, documents, "1"), compare(path, documents, None), met])
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
