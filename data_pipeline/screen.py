"""A preparation's progress in the terminal: a live panel where there is one, plain lines where there is not.

A log file that holds ten thousand redrawn bars cannot be read, and a terminal that scrolls lines cannot be glanced at.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from types import TracebackType
from typing import Any

from data_pipeline.progress import Event, Finished, Line, Progress, Started, Ticked
from orchestrator.units import format_bytes, format_count, format_duration

_PLAIN_EVERY_S = 10.0
_REASONS = 8


class Screen:
    """`say` takes events, from any thread. Use as a context manager; `console` decides between a panel and lines.

    with Screen(console) as screen:
        screen.say(Started("read", blocks=12))
    """

    def __init__(self, console: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._lock = Lock()
        self._live: Any = None
        self._printed_at = clock()
        self.progress = Progress()

    def __enter__(self) -> Screen:
        if self._console.is_terminal:
            from rich.live import Live

            self._live = Live(
                console=self._console, get_renderable=lambda: panel(self.progress.at(self._clock())), refresh_per_second=4, transient=True
            )
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()
        with self._lock:
            self._sum_up()

    def say(self, event: Event) -> None:
        with self._lock:
            now = self._clock()
            if isinstance(event, Started):
                self._sum_up()
                self._printed_at = now
            self.progress = self.progress.after(event, now)
            if isinstance(event, Line):
                self._print(event.text)
            elif isinstance(event, Ticked | Finished) and self._live is None and now - self._printed_at >= _PLAIN_EVERY_S:
                self._printed_at = now
                self._print(line(self.progress))

    def _sum_up(self) -> None:
        if self.progress.stage:
            self._print(line(self.progress.at(self._clock()), ended=True))

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def line(progress: Progress, *, ended: bool = False) -> str:
    """One line of text; `ended`: of the stage as a whole, with its own average speed."""
    total = progress.total
    parts = [f"{progress.stage}: {progress.done:,} of {progress.blocks:,} blocks"]
    if progress.found_done:
        parts.append(f"{progress.found_done:,} done before")
    if total.documents:
        seconds = max(progress.seconds, 1e-9)
        documents, size = (total.documents / seconds, total.bytes / seconds) if ended else (progress.documents_per_s, progress.bytes_per_s)
        parts.append(f"{total.documents:,} documents, {format_bytes(total.bytes)} ({format_count(round(documents))}/s, {format_bytes(size)}/s)")
        parts.append(f"kept {total.kept:,}")
    if total.dropped:
        parts.append(f"dropped {', '.join(f'{number:,} {reason}' for reason, number in most(total.dropped))}")
    if ended:
        parts.append(f"in {format_duration(progress.seconds)}")
    elif progress.eta_s is not None:
        parts.append(f"{format_duration(progress.eta_s)} to go")
    return "; ".join(parts)


def most(dropped: Any) -> list[tuple[str, int]]:
    """The reasons with the most documents, and one entry for the others."""
    ordered = sorted(dropped.items(), key=lambda entry: (-entry[1], entry[0]))
    shown, others = ordered[:_REASONS], ordered[_REASONS:]
    return shown + ([(f"for {len(others)} other reasons", sum(number for _, number in others))] if others else [])


def panel(progress: Progress) -> Any:
    """The panel as a rich renderable."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    total = progress.total
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(justify="right")
    grid.add_column(style="dim")
    ahead = "" if progress.eta_s is None else f"{format_duration(progress.eta_s)} to go"
    grid.add_row("blocks", f"{progress.done:,} of {progress.blocks:,}", ahead)
    grid.add_row("documents", f"{total.documents:,}", f"{format_count(round(progress.documents_per_s))}/s")
    grid.add_row("text", format_bytes(total.bytes), f"{format_bytes(progress.bytes_per_s)}/s")
    grid.add_row("kept", f"{total.kept:,}", f"{total.kept / total.documents:.1%}" if total.documents else "")
    for reason, number in most(total.dropped):
        grid.add_row("", f"{number:,}", Text(reason))
    bar = ProgressBar(total=max(progress.blocks, 1), completed=progress.done, width=48)
    title = f"{progress.stage or 'preparing'}, {format_duration(round(progress.seconds))}"
    return Panel(Group(bar, grid), title=Text(title), title_align="left", border_style="dim", expand=False, padding=(0, 2))
