"""manifest.json: what a checkpoint consists of. A folder without a true one does not count.

Half-written and silently damaged checkpoints are loaded every day somewhere. The manifest is written
last, after every shard is on disk, and names each file with size and SHA-256; a checkpoint is good when
all of that holds. Nothing here imports torch, so a resume can be judged before any worker starts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from data_pipeline.files import write_file

MANIFEST = "manifest.json"
FORMAT = 2
_FOLDER = re.compile(r"step-(\d{8,})")
_BLOCK = 2**22


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of a checkpoint: name in the folder, bytes, SHA-256 in hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything about a checkpoint but the tensors.

    files: the ranks' shards and DCP's `.metadata`, which says where each block of each tensor lies.
    scalars: the engine's counters. position: data position. schedule, spec, fingerprints: what the
    run was, for the resume check. random: how random numbers are drawn (a function of seed, step, replica).
    """

    step: int
    files: tuple[File, ...]
    layout: dict[str, Any]
    position: dict[str, int]
    scalars: dict[str, int | float]
    random: dict[str, Any]
    schedule: dict[str, Any]
    spec: dict[str, Any]
    spec_fingerprint: str
    data_fingerprint: str
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """Writes the file, sealed with the SHA-256 of its own text."""
        text = json.dumps(asdict(self), ensure_ascii=False)
        write_file(folder / MANIFEST, f'{{"sha256": "{_seal(text)}",\n"manifest": {text}}}\n')


@dataclass(frozen=True, kw_only=True)
class Damage:
    """Why a checkpoint does not count: the file, and what is wrong with it."""

    step: int
    file: str
    reason: str

    def __str__(self) -> str:
        return f"checkpoint step {self.step}: {self.file} {self.reason}"


@dataclass(frozen=True, kw_only=True)
class Found:
    """The checkpoints of a folder, newest first, and those that do not count."""

    good: tuple[Manifest, ...] = ()
    damaged: tuple[Damage, ...] = field(default=())


def folder_of(checkpoints: Path, step: int) -> Path:
    """checkpoints/step-00000100."""
    return checkpoints / f"step-{step:08d}"


def steps_on_disk(checkpoints: Path) -> list[int]:
    """Steps with a folder, good or not, newest first."""
    if not checkpoints.is_dir():
        return []
    found = (_FOLDER.fullmatch(entry.name) for entry in checkpoints.iterdir() if entry.is_dir())
    return sorted((int(match[1]) for match in found if match), reverse=True)


def read_manifest(checkpoints: Path, step: int) -> Manifest | Damage:
    """The manifest of a step, or why there is none that can be read."""
    path = folder_of(checkpoints, step) / MANIFEST
    if not path.exists():
        return Damage(step=step, file=str(path), reason="is missing: the checkpoint was never finished")
    try:
        text = path.read_text("utf-8")
        sealed = json.loads(text)
        inner = text.partition('"manifest": ')[2].removesuffix("}\n")
        if sealed["sha256"] != _seal(inner):
            return Damage(step=step, file=str(path), reason="does not match its own SHA-256: some bytes changed")
        values = sealed["manifest"]
        if values["format"] != FORMAT:
            return Damage(step=step, file=str(path), reason=f"has format {values['format']}; this version reads {FORMAT}")
        values["files"] = tuple(File(**entry) for entry in values["files"])
        return Manifest(**values)
    except (ValueError, KeyError, TypeError) as error:
        return Damage(step=step, file=str(path), reason=f"is damaged: {error}")


def verify_files(checkpoints: Path, step: int, files: Iterable[File]) -> list[Damage]:
    """What is wrong with these files of a step: missing, of another size, or of another checksum."""
    damage = []
    for file in files:
        path = folder_of(checkpoints, step) / file.name
        if not path.exists():
            damage.append(Damage(step=step, file=str(path), reason="is missing"))
        elif path.stat().st_size != file.size:
            size = path.stat().st_size
            damage.append(Damage(step=step, file=str(path), reason=f"has {size:,} bytes instead of {file.size:,}"))
        elif checksum(path) != file.sha256:
            damage.append(Damage(step=step, file=str(path), reason="does not match its SHA-256: some bytes changed"))
    return damage


def find(checkpoints: Path) -> Found:
    """All checkpoints that are finished; sizes and checksums of their shards are not looked at."""
    read = [read_manifest(checkpoints, step) for step in steps_on_disk(checkpoints)]
    return Found(
        good=tuple(entry for entry in read if isinstance(entry, Manifest)),
        damaged=tuple(entry for entry in read if isinstance(entry, Damage)),
    )


def _seal(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
