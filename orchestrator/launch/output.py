"""What the workers print, for the person who watches.

A gang of 64 ranks prints every line 64 times, and the libraries under it print more than the run does.
Each rank's output lies whole in RUN/logs/attempt-K/rank-R.log. This view follows those files and shows a
line that several ranks print within a moment once, with the ranks that printed it; lines that libraries
log below an error stay in the files.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.launch.worker import attempt_folder, newest_attempt

WINDOW_S = 1.0

WARNING = re.compile(r"^\S+:\d+: \w*Warning\b")
# The shapes of log records and warnings, as libraries print them; records of ERROR and above are shown.
CHATTER = tuple(
    re.compile(pattern)
    for pattern in (
        r"^\[?\d{4}-\d\d-\d\d[ T].*\b(DEBUG|INFO|WARN|WARNING)\b",  # logging with a time: DeepSpeed, ray, torch
        r"^(DEBUG|INFO|WARNING)[: ]",  # logging's default format
        r"^\[?[IW]\d{4} ",  # glog: torch's C++ side
        r"^\[rank\d+\]:?\[?[IW]\d{4} ",
        WARNING.pattern,
        r"^\s*$",
    )
)


@dataclass
class _Pending:
    """A line waiting for other ranks to print it too."""

    text: str
    since: float
    ranks: set[int] = field(default_factory=set)


class Merger:
    """Lines of many ranks in, lines for a screen out. Pure: the clock is an argument."""

    def __init__(self, *, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._pending: list[_Pending] = []

    def add(self, rank: int, text: str, now: float) -> None:
        """A line that `rank` printed. It joins the first one of equal text that this rank has not printed yet."""
        for pending in self._pending:
            if pending.text == text and rank not in pending.ranks:
                pending.ranks.add(rank)
                return
        self._pending.append(_Pending(text=text, since=now, ranks={rank}))

    def due(self, now: float) -> list[str]:
        """Lines whose window has passed, in the order in which they were first printed."""
        due = [pending for pending in self._pending if now - pending.since >= self._window_s]
        self._pending = [pending for pending in self._pending if now - pending.since < self._window_s]
        return [f"[{name_ranks(pending.ranks)}] {pending.text}" for pending in due]


class WorkerOutput:
    """A view of a run: prints through `say` what its workers print, from the attempt after `before` on."""

    def __init__(self, run_dir: Path, say: Callable[[str], None]) -> None:
        self._run_dir, self._say = run_dir, say
        self._attempt = newest_attempt(run_dir)
        self._offsets: dict[Path, int] = {}
        self._filters: dict[Path, Filter] = {}
        self._merger = Merger()

    def poll(self) -> None:
        now = time.monotonic()
        for path in self._logs():
            shown = self._filters.setdefault(path, Filter())
            for text in self._new_lines(path):
                if shown(text):
                    self._merger.add(int(path.stem.removeprefix("rank-")), text, now)
        for line in self._merger.due(now):
            self._say(line)

    def close(self) -> None:
        self.poll()
        for line in self._merger.due(float("inf")):
            self._say(line)

    def _logs(self) -> Iterable[Path]:
        newest = newest_attempt(self._run_dir)
        for attempt in range(self._attempt + 1, newest + 1):
            yield from attempt_folder(self._run_dir, attempt).glob("rank-*.log")

    def _new_lines(self, path: Path) -> Sequence[str]:
        with path.open("rb") as file:
            file.seek(self._offsets.get(path, 0))
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offsets[path] = self._offsets.get(path, 0) + len(whole)
        return whole.decode("utf-8", "replace").splitlines()


FAILED = "Error in training function:"


class Filter:
    """Whether a line of one rank is to be shown: not a library's log record or warning, nor what belongs to one.

    The warnings module quotes the source line below a warning, indented by two blanks. From Ray Train's
    report of a failed worker on, nothing more is shown: the driver says in one line which rank failed and
    why, and where the log with the traceback lies; on other ranks it is only the echo of a lost peer.
    """

    def __init__(self) -> None:
        self._after_warning = False
        self._failed = False

    def __call__(self, text: str) -> bool:
        self._failed = self._failed or text.startswith(FAILED)
        if self._failed:
            return False
        quoted = self._after_warning and text.startswith("  ")
        self._after_warning = bool(WARNING.search(text))
        return not quoted and not any(pattern.search(text) for pattern in CHATTER)


def name_ranks(ranks: Iterable[int]) -> str:
    """{0} -> "rank 0"; {0, 1, 2, 5} -> "ranks 0-2,5"."""
    ordered = sorted(ranks)
    spans: list[list[int]] = []
    for rank in ordered:
        if spans and rank == spans[-1][1] + 1:
            spans[-1][1] = rank
        else:
            spans.append([rank, rank])
    text = ",".join(f"{low}" if low == high else f"{low}-{high}" for low, high in spans)
    return f"rank {text}" if len(ordered) == 1 else f"ranks {text}"
