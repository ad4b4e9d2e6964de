"""The terminal: a live bar where there is one, plain lines where there is not."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from orchestrator.training.rundir import RunDir
from orchestrator.training.views.follow import Follower
from orchestrator.units import format_bytes, format_count, format_duration

PLAIN_EVERY_S = 10.0


class ProgressView:
    """Follows one run. `console` decides between a bar and lines; events are printed above the bar."""

    def __init__(self, run: RunDir, total_steps: int, console: Console) -> None:
        self._total = total_steps
        self._console = console
        self._metrics = Follower(run.metrics, from_end=True)
        self._events = Follower(run.events, from_end=True)
        self._times: deque[float] = deque(maxlen=50)
        self._printed_at = 0.0
        self._printed_step = 0
        self._latest: dict[str, Any] | None = None
        self._bar: Progress | None = None
        self._live = console.is_terminal

    def poll(self) -> None:
        for record in self._metrics.new():
            first = self._latest is None
            self._latest = record
            self._times.append(record["step_time_s"])
            if first and not self._live:
                self._plain(record)
        for event in self._events.new():
            line = describe(event)
            if line:
                self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        if self._latest is None:
            return
        if self._live:
            self._draw(self._latest)
        elif time.monotonic() - self._printed_at >= PLAIN_EVERY_S:
            self._plain(self._latest)

    def close(self) -> None:
        self.poll()
        if self._bar is not None:
            self._bar.stop()
        elif self._latest is not None:
            self._plain(self._latest)

    def _draw(self, record: dict[str, Any]) -> None:
        if self._bar is None:
            columns = (
                TextColumn("step {task.completed:,.0f}/{task.total:,.0f}"), BarColumn(bar_width=24), TextColumn("{task.fields[numbers]}")
            )  # fmt: skip
            self._bar = Progress(*columns, console=self._console, transient=False)
            self._task = self._bar.add_task("", total=self._total, numbers="")
            self._bar.start()
        self._bar.update(self._task, completed=record["step"], numbers=self._numbers(record))

    def _plain(self, record: dict[str, Any]) -> None:
        if record["step"] == self._printed_step:
            return
        self._printed_at, self._printed_step = time.monotonic(), record["step"]
        line = f"step {record['step']:>6,}/{self._total:,}  {self._numbers(record)}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _numbers(self, record: dict[str, Any]) -> str:
        seconds = sum(self._times) / len(self._times)
        left = format_duration(round(seconds * (self._total - record["step"])))
        return (
            f"loss {record['loss']:.4f}  {format_count(record['tokens_per_s'])} tok/s"
            f"  {seconds:.3g} s/step  MFU {record['mfu']:.1%}  ETA {left}"
        )


def describe(event: dict[str, Any]) -> str:
    """One line for the events a person wants to see; empty for the others."""
    lines: dict[str, Callable[[dict[str, Any]], str]] = {
        "restored": lambda e: f"restored   from the checkpoint of step {e['step']:,}",
        "validated": lambda e: f"validated  step {e['step']:,}: loss {e['loss']:.4f}, perplexity {e['perplexity']:.1f}",
        "saved": lambda e: f"saved      step {e['step']:,}: {format_bytes(e['bytes'])} in {format_duration(e['seconds'])}",
        "save_failed": lambda e: f"warning    {e['cause']}",
        "damaged": lambda e: f"warning    checkpoint step {e['step']}: {e['file']} {e['reason']}; falling back to the one before",
        "no_baseline": lambda e: f"baseline   none: {e['reason']}",
        "sampled": lambda e: f"sampled    {e['prompt']!r} -> {e['text']!r}",
        "baseline": lambda e: (
            f"baseline   final validation loss {e['validation_loss']:.4f}; best-smoothed bigram ({e['smoothing']}) on the same"
            f" {format_count(e['training_tokens'])} training tokens {e['loss']:.4f}"
        ),
    }  # fmt: skip
    render = lines.get(event["event"])
    return render(event) if render else ""
