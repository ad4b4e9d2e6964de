"""What a job is, and what is left of it."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from data_pipeline.progress import Ticked

Tick = Callable[[Ticked], None]
"""Told now and then how far a job is."""


@dataclass(frozen=True, kw_only=True)
class Job(ABC):
    """A pure function of its fields that writes files. It is pickled, so its fields hold nothing open.

    `title` is for people, such as `clean french 3`; it decides nothing. Whoever changes what a job writes raises its
    `version`: what the old one left is then not taken for its work.
    """

    version: ClassVar[int] = 1
    title: str

    @abstractmethod
    def signature(self) -> dict[str, Any]:
        """Everything that decides the outputs: parameters, versions, digests of inputs."""

    @abstractmethod
    def run(self, folder: Path, tick: Tick) -> dict[str, Any]:
        """Writes its files into the empty `folder`; returns facts for whoever asked.

        The store forces them to disk and gives the folder its name, so that no job does either for a file.
        """

    @cached_property
    def key(self) -> str:
        said = {"job": type(self).__name__, "version": self.version, **self.signature()}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Output:
    """What a job left: its folder, its facts, and (size, sha256) of each file."""

    folder: Path
    facts: Mapping[str, Any]
    files: Mapping[str, tuple[int, str]]

    def path(self, name: str) -> Path:
        return self.folder / name

    def digest(self, *names: str) -> str:
        """sha256 of these files; of all of them when none is named."""
        chosen = {name: self.files[name][1] for name in names or sorted(self.files)}
        return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()
