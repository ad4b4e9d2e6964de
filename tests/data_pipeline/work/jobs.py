"""Jobs of the tests' own; here, so that other processes can import them."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_pipeline.progress import Ticked
from data_pipeline.work import Job, Tick
from orchestrator.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Writes(Job):
    """Writes its text, and a line into a log for every time that it was really done."""

    text: str
    log: Path
    dies: int = 0
    """How often the process is killed in the middle of it."""
    fails: str = ""

    def signature(self) -> dict[str, Any]:
        return {"text": self.text}

    def run(self, folder: Path, tick: Tick) -> dict[str, Any]:
        with self.log.open("a") as file:
            file.write(f"{self.text}\n")
        (folder / "half.txt").write_text(self.text[:1])
        if self.log.read_text().count(f"{self.text}\n") <= self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fails:
            raise DataError(self.fails)
        (folder / "half.txt").unlink()
        (folder / "text.txt").write_text(self.text)
        tick(Ticked(self.title, 1, len(self.text), 1))
        return {"length": len(self.text), "came_to": {"documents": 1, "bytes": len(self.text), "kept": 1, "dropped": {}}}


@dataclass(frozen=True, kw_only=True)
class Fails(Job):
    """Raises, or waits for a while and then notes that it is done."""

    log: Path
    number: int
    error: Exception | None = None
    waits_s: float = 0.0

    def signature(self) -> dict[str, Any]:
        return {"number": self.number}

    def run(self, folder: Path, tick: Tick) -> dict[str, Any]:
        if self.error is not None:
            raise self.error
        time.sleep(self.waits_s)
        with self.log.open("a") as file:
            file.write(f"{self.number}\n")
        return {}
