"""A prepared mixture: the folder that training reads, and the proof that it is what was prepared.

    NAME-<key12>/                                           the key is that of the request: page and state of the sources
      tokenizer.json
      shards/SOURCE/{train,validation}-00000.bin .idx     Megatron's format
      shards/SOURCE/{train,validation}-00000.parquet      a row a document: its id, licence, tokens, ... (sidecar.py)
      admitted.jsonl                                      which shards were there when, for runs that train meanwhile
      report.json                                         what was read, kept, held out, dropped and why
      duplicates.parquet                                  which documents were dropped as copies, and of which
      quarantine.jsonl                                    every record that was no document, and why
      prepared.json                                       the facts below; written last

A run that is continued on other tokens than it began with is ruined without a sign, so each file's
size and checksum is on record, and the fingerprint of all of it goes into the order of samples.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from data_pipeline.files import sha256_of
from data_pipeline.order import Admission
from orchestrator.errors import DataError

Split = Literal["train", "validation"]
FORMAT = 2


@dataclass(frozen=True, kw_only=True)
class PreparedSource:
    """One source: its weight as said, tokens with ends of documents, documents of both splits."""

    name: str
    weight: float
    train_tokens: int
    validation_tokens: int
    documents: int
    max_epochs: float | None = None
    said: bool = True
    """Whether the page says its weight; else it was worked out from its tokens."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What `prepare` made. `files` maps paths inside the folder to (size, sha256).

    `admissions`: what there was of each source after every wave, for data that is read in the order in which it was
    admitted; else there is one, of all. `admitted` gives either.
    """

    folder: Path
    name: str
    fingerprint: str
    vocab_size: int
    end_id: int
    sources: tuple[PreparedSource, ...]
    files: Mapping[str, tuple[int, str]]
    schedule: tuple[Mapping[str, Any], ...] = ()
    """The stages that the page says, as JSON."""
    admissions: tuple[Admission, ...] = ()

    @property
    def admitted(self) -> tuple[Admission, ...]:
        whole = Admission(tokens=tuple(source.train_tokens for source in self.sources), complete=(True,) * len(self.sources))
        return self.admissions or (whole,)

    @property
    def tokenizer_path(self) -> Path:
        return self.folder / "tokenizer.json"

    @property
    def train_tokens(self) -> int:
        return sum(source.train_tokens for source in self.sources)

    def shards(self, source: str, split: Split) -> list[Path]:
        """Prefixes of the shards (the path without `.bin`), in order."""
        shard = re.compile(re.escape(f"shards/{source}/{split}-") + r"\d+\.bin")
        return [
            self.folder / name.removesuffix(".bin") for name in sorted(self.files) if shard.fullmatch(name)
        ]

    def verify(self, *, contents: bool = False) -> None:
        """Raises DataError for a file that is missing or has another size; with `contents`, other bytes."""
        for name, (size, checksum) in self.files.items():
            path = self.folder / name
            held = path.stat().st_size if path.is_file() else None
            if held is None:
                raise DataError(f"{path} is missing; {self._remedy}")
            if held != size:
                raise DataError(f"{path} has {held:,} bytes, but {size:,} were prepared; {self._remedy}")
            if contents and sha256_of(path) != checksum:
                raise DataError(f"{path} has its size, but not the bytes that were prepared; {self._remedy}")

    @property
    def _remedy(self) -> str:
        return f"remove {self.folder} and prepare the mixture {self.name!r} again"


def open_prepared(folder: Path) -> Prepared:
    """Reads a prepared folder and checks the sizes of its files. Raises DataError."""
    prepared = read_prepared(folder)
    prepared.verify()
    return prepared


def read_prepared(folder: Path) -> Prepared:
    """What `prepared.json` says, its fingerprint checked; the files themselves may lie elsewhere. Raises DataError."""
    path = folder / "prepared.json"
    if not path.is_file():
        raise DataError(
            f"{folder} holds no prepared data (no prepared.json); remove it and prepare the data again"
        )
    try:
        said = json.loads(path.read_bytes())
        if said["format"] != FORMAT:
            found = f"{path} is of format {said['format']}, this version reads {FORMAT}"
            raise DataError(f"{found}; prepare the data again")
        prepared = Prepared(
            folder=folder,
            name=said["name"],
            fingerprint=said["fingerprint"],
            vocab_size=said["vocab_size"],
            end_id=said["end_id"],
            sources=tuple(PreparedSource(**source) for source in said["sources"]),
            files={name: (size, checksum) for name, (size, checksum) in said["files"].items()},
            schedule=tuple(said["schedule"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error!r}); remove {folder} and prepare it again") from None
    if fingerprint_of(prepared.files, prepared.sources, prepared.schedule) != prepared.fingerprint:
        raise DataError(
            f"{path} lists other files than it was made for; remove {folder} and prepare it again"
        )
    return prepared


def fingerprint_of(
    files: Mapping[str, tuple[int, str]], sources: tuple[PreparedSource, ...], schedule: Sequence[Mapping[str, Any]]
) -> str:
    """sha256 over the tokenizer, the contents of all shards, and what else decides the order of samples."""
    facts = {
        "files": {name: checksum for name, (_, checksum) in sorted(files.items())},
        "sources": [[source.name, source.weight, source.max_epochs] for source in sources],
        "schedule": list(schedule),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
