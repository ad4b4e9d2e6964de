"""Ending exactly the processes that were started here, and no other.

A process number alone is not an identity: the kernel gives it again. So a process is its number and the
moment it started, both from /proc, and nothing is ever looked up by its name.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
POLL_S = 0.05
ROUNDS = 4


@dataclass(frozen=True, order=True)
class Process:
    """`started`: clock ticks since the machine booted."""

    pid: int
    started: int

    @property
    def alive(self) -> bool:
        """False for a zombie too: it holds no memory, port or device."""
        stat = _stat(self.pid)
        return stat is not None and stat.started == self.started and stat.state not in "ZX"


@dataclass(frozen=True)
class _Stat:
    state: str
    parent: int
    started: int


def identify(pid: int) -> Process | None:
    """The process that bears this number now."""
    stat = _stat(pid)
    return Process(pid, stat.started) if stat else None


def mentioning(text: str) -> set[Process]:
    """Living processes with `text` in their command line (a folder's name that nobody else has)."""
    found = set()
    for pid in _all():
        with contextlib.suppress(OSError):
            if text.encode() in (PROC / str(pid) / "cmdline").read_bytes() and pid != os.getpid():
                found.add(identify(pid))
    return {process for process in found if process}


def with_descendants(roots: Iterable[Process]) -> set[Process]:
    """The given processes and all that they have started, as far as it still hangs on them."""
    family = {process.pid for process in roots}
    parents = {pid: stat.parent for pid in _all() if (stat := _stat(pid))}
    grown = True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in family} - family
        family |= children
        grown = bool(children)
    return {process for pid in family if (process := identify(pid))}


def end(processes: Iterable[Process], *, grace_s: float) -> set[Process]:
    """SIGTERM, up to `grace_s` for all together, then SIGKILL. Returns those that even that did not end."""
    left = {process for process in processes if process.alive}
    for number, patience in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 5.0)):
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)
        left = wait_gone(left, patience)
    return left


def end_all_mentioning(text: str, *, more: Iterable[Process] = (), grace_s: float) -> set[Process]:
    """End every process with `text` in its command line, its descendants, and `more`; look again until there is
    none, since one that is being ended may just have started another."""
    left = set(more)
    for _ in range(ROUNDS):
        left = {process for process in left | with_descendants(mentioning(text)) if process.alive}
        if not left:
            break
        left = end(left, grace_s=grace_s)
    return left


def wait_gone(processes: Iterable[Process], patience_s: float) -> set[Process]:
    """Wait for their end; returns those still alive after `patience_s`."""
    left = {process for process in processes if process.alive}
    deadline = time.monotonic() + patience_s
    while left and time.monotonic() < deadline:
        time.sleep(POLL_S)
        left = {process for process in left if process.alive}
    return left


def _all() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> _Stat | None:
    """Fields 3, 4 and 22 of /proc/PID/stat; the name in field 2 may hold blanks and parentheses."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return _Stat(state=fields[0], parent=int(fields[1]), started=int(fields[19]))
