"""What is there of a mixture while it is still prepared: `admitted.jsonl`, read by runs that train meanwhile.

    line 1   the mixture: name, vocabulary, sources and their weights, key of the request
    then     a wave each: its shards with sizes and checksums, tokens of every source so far, which sources are complete

What is in a wave is decided by the texts and the page alone, never by how fast anything went. So the list is the same
whenever it is made, and a run that follows it takes the same samples live, after a restart, and years later.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_pipeline.order import Admission
from data_pipeline.prepared import Prepared, PreparedSource
from orchestrator.errors import DataError

NAME = "admitted.jsonl"
_WEIGHT = "say its weight on the mixture page, or train when all is prepared (without data.live)"


@dataclass(frozen=True, kw_only=True)
class Wave:
    """`tokens` of each source so far, by split, and its `documents` of both; `complete` sources have all of theirs.

    `files`: (size, sha256) of what it added.
    """

    tokens: dict[str, dict[str, int]]
    documents: dict[str, int]
    complete: tuple[str, ...]
    files: dict[str, tuple[int, str]]


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """A mixture as far as it is there. `sources` are (name, weight) as the page says."""

    folder: Path
    name: str
    fingerprint: str
    vocab_size: int
    end_id: int
    sources: tuple[tuple[str, float | None], ...]
    waves: tuple[Wave, ...]

    @property
    def complete(self) -> bool:
        return len(self.waves[-1].complete) == len(self.sources)

    def so_far(self, waves: int | None = None) -> Prepared:
        """The first waves, by default all, as data that can be read. Raises DataError for a source without a weight."""
        taken = self.waves[:waves]
        last = taken[-1]
        for name, weight in self.sources:
            if weight is None:
                raise DataError(f"source {name!r} of {self.folder} has no weight, which its tokens give when all are there; {_WEIGHT}")
        sources = tuple(
            PreparedSource(
                name=name, weight=weight or 0.0, train_tokens=last.tokens["train"][name],
                validation_tokens=last.tokens["validation"][name], documents=last.documents[name],
            )
            for name, weight in self.sources
        )  # fmt: skip
        names = [source.name for source in sources]
        return Prepared(
            folder=self.folder, name=self.name, fingerprint=self.fingerprint, vocab_size=self.vocab_size, end_id=self.end_id,
            sources=sources, files={name: facts for wave in taken for name, facts in wave.files.items()},
            admissions=tuple(
                Admission(
                    tokens=tuple(wave.tokens["train"][name] for name in names), complete=tuple(name in wave.complete for name in names)
                )
                for wave in taken
            ),
        )  # fmt: skip

    @property
    def files(self) -> dict[str, tuple[int, str]]:
        return {name: facts for wave in self.waves for name, facts in wave.files.items()}


def header(*, name: str, vocab_size: int, end_id: int, sources: list[tuple[str, float | None]], key: str) -> str:
    """The first line."""
    said = {"name": name, "vocab_size": vocab_size, "end_id": end_id, "sources": sources, "key": key}
    return json.dumps(said, ensure_ascii=False)


def wave_line(wave: Wave) -> str:
    return json.dumps(vars(wave), ensure_ascii=False)


def read_admitted(folder: Path) -> Admitted | None:
    """What is there so far; None before the first wave. Raises DataError where the file is damaged."""
    try:
        first, *lines = (folder / NAME).read_text("utf-8").splitlines()
    except (FileNotFoundError, ValueError):
        return None
    try:
        said = json.loads(first)
        waves = tuple(_wave(json.loads(line)) for line in lines)
        sources = tuple((name, weight) for name, weight in said["sources"])
        fingerprint = hashlib.sha256(f"admitted 1\n{first}".encode()).hexdigest()
        found = Admitted(
            folder=folder, name=said["name"], fingerprint=fingerprint, vocab_size=said["vocab_size"], end_id=said["end_id"],
            sources=sources, waves=waves,
        )  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder / NAME} is damaged ({error!r}); remove {folder} and prepare the mixture again") from None
    return found if waves else None


def digest_of(wave: Wave) -> str:
    """sha256 of what a wave added and how far it got: two waves of one digest give the same samples."""
    return hashlib.sha256(wave_line(wave).encode()).hexdigest()


def _wave(said: dict[str, Any]) -> Wave:
    files = {name: (size, checksum) for name, (size, checksum) in said["files"].items()}
    return Wave(tokens=said["tokens"], documents=said["documents"], complete=tuple(said["complete"]), files=files)
