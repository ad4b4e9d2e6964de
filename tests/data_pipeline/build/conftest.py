"""A mixture of two sources in several blocks, with every kind of step and some copies planted."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

WORDS = ["the", "order", "of", "training", "samples", "is", "a", "pure", "function", "of", "one", "number", "and", "of", "nothing", "else", "at", "all"]
FOOTER = "All rights reserved, no part of this may be copied."

PAGE = """
sources:
  - {name: notes, kind: files, paths: notes/*.jsonl, weight: 3, steps: [{dedup_template_soft: {least: 5}}]}
  - {name: letters, kind: files, paths: letters/*.jsonl, weight: 1}
steps:
  - uniform_whitespace
  - near_duplicates
  - {filter_small_docs: {words: 4}}
  - repeated_substrings
tokenizer: {train: byte_bpe, vocab_size: 300, sample: 100KB}
validation: {fraction: 0.1}
block: 4KB
"""


def write_mixture(folder: Path) -> Path:
    """Returns the page's path."""
    chance = random.Random(3)
    texts: dict[str, list[str]] = {
        name: [" ".join(chance.choices(WORDS, k=chance.randint(3, 60))) for _ in range(60)] for name in ("notes", "letters")
    }
    texts["notes"] = [f"{text}\n{FOOTER}" for text in texts["notes"]]
    texts["letters"] += [texts["notes"][3].split("\n")[0], texts["letters"][0], f"{texts['letters'][5]} {texts['letters'][6]}"]
    for name, of_source in texts.items():
        (folder / name).mkdir(parents=True)
        for part in range(4):
            lines = [json.dumps({"text": text}) for text in of_source[part::4]]
            (folder / name / f"{part}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    with (folder / "notes" / "0.jsonl").open("a") as file:
        file.write("no json\n")
    (folder / "page.yaml").write_text(PAGE)
    return folder / "page.yaml"


def contents(folder: Path) -> dict[str, str]:
    """Every file of a folder -> its checksum."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file()
    }  # fmt: skip
