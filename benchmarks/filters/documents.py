"""Documents to measure on: drawn from a folder by a hash of their text, so that a run can be repeated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from data_pipeline.documents import Document


def read(folder: Path, number: int, longest: int, *, source_code: bool = True) -> list[Document]:
    """At most `number` documents of at most `longest` characters, those of the smallest hashes. Ends the program if there is none."""
    found = [entry for entry in _all(folder) if 0 < len(entry.text) <= longest]
    found = [entry for entry in found if source_code or len(str(entry.meta["language"])) == 2]
    if not found:
        raise SystemExit(f"{folder} is no folder of .jsonl or .jsonl.zst files with documents of at most {longest:,} characters")
    return sorted(found, key=lambda entry: hashlib.sha256(entry.text.encode()).digest())[:number]


def _all(folder: Path) -> Iterator[Document]:
    for path in sorted([*folder.glob("*.jsonl"), *folder.glob("*.jsonl.zst")]):
        for number, line in enumerate(_lines(path)):
            row = json.loads(line)
            meta = row.get("meta") or {}
            language = str(meta.get("language") or meta.get("lang_hint") or "en").partition("-")[0]
            yield Document(id=f"{path.name}:{number}", text=row["text"], source="bench", meta={"language": language})


def _lines(path: Path) -> Iterator[bytes]:
    if path.suffix != ".zst":
        yield from path.read_bytes().splitlines()
        return
    import zstandard

    with zstandard.open(path, "rb") as stream:
        yield from stream.read().rstrip(b"\n").split(b"\n")
