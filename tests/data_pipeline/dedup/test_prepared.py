"""The steps in a preparation: across sources and blocks they do what they do to a list in memory."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow.parquet as pq

from data_pipeline.documents import Document
from data_pipeline.mixture import load_mixture
from data_pipeline.prepare import prepare
from data_pipeline.shards import Shard
from data_pipeline.steps import Drop, Wide
from data_pipeline.tokenize.encoder import load_encoder
from tests.data_pipeline.conftest import WORDS
from tests.data_pipeline.steps.conftest import steps_of
from tests.data_pipeline.steps.run_wide import run_wide

STEPS = "exact_copies, near_duplicates, simhash_duplicates, repeated_substrings"
PAGE = f"""
sources:
  - {{name: one, kind: files, paths: one.jsonl, weight: 0.5}}
  - {{name: two, kind: files, paths: two.jsonl, weight: 0.5}}
steps: [{STEPS}]
tokenizer: {{train: byte_bpe, vocab_size: 300}}
validation: {{fraction: 0.1}}
"""


def texts() -> tuple[list[str], list[str]]:
    """Two sources; in the second there are copies of the first, whole, nearly whole, and in part."""
    chance = random.Random(4)
    one = [" ".join("".join(chance.choices("aeioklmnrst", k=chance.randint(2, 8))) for _ in range(150)) for _ in range(30)]
    two = [" ".join(chance.choices(WORDS, k=9)) + " " + one[number][200:400] for number in range(10)]
    two += [one[number].replace(" ", "\n", 3) for number in range(10, 15)]
    two += [one[number] + " and more" for number in range(15, 20)]
    chance.shuffle(two)
    return one, two


def test_a_preparation_keeps_what_the_steps_keep(tmp_path: Path) -> None:
    for name, given in zip(("one", "two"), texts(), strict=True):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in given))
    (tmp_path / "page.yaml").write_text(PAGE)
    prepared = prepare(load_mixture(tmp_path / "page.yaml"), tmp_path / "cache")
    encoder = load_encoder(prepared.tokenizer_path)
    found = []
    for prefix in (path for source in ("one", "two") for split in ("train", "validation") for path in prepared.shards(source, split)):
        shard = Shard(prefix)
        found += [encoder.decode(shard[number][:-1].tolist()) for number in range(len(shard))]
    expected = [Document(id=text, text=text, source="one") for given in texts() for text in given]
    for step in steps_of(STEPS):
        assert isinstance(step, Wide)
        outcomes, _ = run_wide(step, expected)
        expected = [Document(id=text, text=text, source="one") for text in outcomes if not isinstance(text, Drop)]
    assert sorted(found) == sorted(entry.text for entry in expected)
    assert len(found) == 40
    copies = pq.read_table(prepared.folder / "duplicates.parquet").to_pylist()
    assert {(row["source"], row["kept_source"]) for row in copies} == {("two", "one")}
    assert sorted(row["step"] for row in copies) == ["exact_copies"] * 5 + ["near_duplicates"] * 5
