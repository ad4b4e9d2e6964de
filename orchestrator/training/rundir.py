"""The folder a run leaves behind: names, and append-only logs that survive a kill.

`metrics.jsonl` is the truth that every view follows, so it must never hold a torn line, a rewound step or
one step twice, whatever dies in the middle of a write. Each record is one `write` of one line; an attempt
begins by cutting off a torn tail and by reading the last step on record, and steps that are taken again
after a restore are not logged again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RunDir:
    """Paths under RUNS/RUN. Nothing is created until it is written to."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def spec(self) -> Path:
        return self.path / "spec.yaml"

    @property
    def resolved(self) -> Path:
        return self.path / "resolved.yaml"

    @property
    def cluster(self) -> Path:
        return self.path / "cluster.yaml"

    @property
    def hardware(self) -> Path:
        """The cluster as it was found: `cluster.yaml` with `local` replaced by what the machine has."""
        return self.path / "hardware.json"

    @property
    def plan(self) -> Path:
        return self.path / "plan.json"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def writer(self) -> Path:
        """Locked by the process that trains the run; says which that is."""
        return self.path / "writer"

    @property
    def ledger(self) -> Path:
        return self.path / "ledger" / "steps.jsonl"

    @property
    def order(self) -> Path:
        """Where an order of samples that has to be built is kept."""
        return self.path / "order"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def evidence(self) -> Path:
        return self.path / "evidence"

    @property
    def stop(self) -> Path:
        """Whoever creates this file asks the run to checkpoint and stop after the current step."""
        return self.path / "stop"

    @property
    def execution(self) -> Path:
        """What the command line said that no page holds: where data lies, how far to train."""
        return self.path / "execution.json"

    def event(self, name: str, **fields: Any) -> None:
        """Appends one event: {"time": seconds since the epoch, "event": name, ...}."""
        append_line(self.events, {"time": round(time.time(), 3), "event": name, **fields})


def append_line(path: Path, record: dict[str, Any]) -> None:
    """Appends one JSON line in one write, so that no other writer and no kill can split it from its neighbours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = (json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        written = os.write(handle, line)
        if written != len(line):
            os.ftruncate(handle, os.fstat(handle).st_size - written)
            raise OSError(28, f"No space left on device (wrote {written} of {len(line)} bytes)", str(path))
    finally:
        os.close(handle)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a log; a torn last line is left out, a missing file is empty."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)


def cut_torn_tail(path: Path) -> None:
    """Removes an incomplete last line, which only a kill in the middle of a write leaves."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        position = end
        while position > 0:
            start = max(0, position - 65536)
            file.seek(start)
            newline = file.read(position - start).rfind(b"\n")
            if newline >= 0:
                position = start + newline + 1
                break
            position = start
        if position != end:
            file.truncate(position)


def last_line(path: Path) -> dict[str, Any] | None:
    """The last complete record of a log, found from its end."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        size = 65536
        while True:
            file.seek(max(0, end - size))
            lines = [line for line in file.read(min(size, end)).splitlines(keepends=True) if line.endswith(b"\n")]
            if len(lines) > 1 or (lines and size >= end):
                return json.loads(lines[-1])
            if size >= end:
                return None
            size *= 4
