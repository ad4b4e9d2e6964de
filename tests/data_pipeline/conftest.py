"""A small mixture of the tests' own, prepared once."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from data_pipeline.build import writing
from data_pipeline.mixture import load_mixture
from data_pipeline.prepare import prepare
from data_pipeline.prepared import Prepared
from data_pipeline.stored.listed import Listed
from data_pipeline.stored.storage import Here

WORDS = [
    "the",
    "order",
    "of",
    "training",
    "samples",
    "is",
    "a",
    "pure",
    "function",
    "of",
    "one",
    "number",
    "and",
    "nothing",
    "else",
]

PAGE = """
sources:
  - {name: notes, kind: files, paths: notes/*.jsonl, weight: 0.75}
  - {name: letters, kind: files, paths: letters.txt, separator: "\\n\\n", weight: 0.25}
tokenizer: {train: byte_bpe, vocab_size: 300}
validation: {fraction: 0.1}
"""


def write_texts(folder: Path, *, notes: int = 120, letters: int = 60) -> Path:
    """Two sources of random sentences and the page over them; returns the page's path."""
    chance = random.Random(1)
    (folder / "notes").mkdir(parents=True)
    for part in range(2):
        lines = [
            json.dumps(
                {"text": " ".join(chance.choices(WORDS, k=chance.randint(3, 60))), "meta": {"part": part}}
            )
            for _ in range(notes // 2)
        ]
        (folder / "notes" / f"{part}.jsonl").write_text("\n".join(lines) + "\n")
    pieces = [" ".join(chance.choices(WORDS, k=chance.randint(20, 60))) for _ in range(letters)]
    (folder / "letters.txt").write_text("\n\n".join(pieces))
    (folder / "small.yaml").write_text(PAGE)
    return folder / "small.yaml"


def listed_of(prepared: Prepared, prefix: Path) -> Listed:
    """What is on record of the documents of a shard."""
    return Listed(Here(prepared.folder, prepared.files), prefix.relative_to(prepared.folder).as_posix())


def in_small_shards(folder: Path, tokens: int) -> Prepared:
    """The mixture of `write_texts` in shards of so few tokens that each source has several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "TOKENS_PER_SHARD", tokens)
        return prepare(load_mixture(write_texts(folder / "texts")), folder / "cache")


@pytest.fixture(scope="session")
def small_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_texts(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="session")
def small(small_page: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The prepared mixture; tests that damage it work on a copy."""
    return prepare(load_mixture(small_page), tmp_path_factory.mktemp("cache"))
