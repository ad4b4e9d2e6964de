"""What became of a mixture's documents, written down: of a page, of a prepared folder, or of what a run reads.

A mixture's shares are asked on its page, worked out before a run and taken by it, and the three are looked for in three places.
With a run, the report has all of them side by side.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from data_pipeline.mixture import load_mixture
from data_pipeline.order import forecast
from data_pipeline.prepare import prepare
from data_pipeline.prepared import Prepared, open_prepared
from data_pipeline.progress import Event
from data_pipeline.report import write_report
from data_pipeline.report.consumed import consumed_of
from data_pipeline.report.facts import Forecast, Planned
from data_pipeline.stored.orders import Windows
from data_pipeline.stored.packed import Packed
from data_pipeline.stored.storage import is_url
from orchestrator.errors import CommandError
from orchestrator.launch.preparing import executor_for
from orchestrator.training.lineage import feed_of
from orchestrator.training.rundir import RunDir, read_lines

Say = Callable[[Event], None]


def report_of_mixture(said: str, cache: Path, out: Path | None, say: Say) -> tuple[Path, Path]:
    """The page and the card of a mixture, which is prepared if it is not, or of a prepared folder; returns their paths."""
    prepared = _prepared(said, cache, say)
    return write_report(prepared, out or prepared.folder / "report.html")


def report_of_run(run: RunDir, said: str | None, cache: Path, out: Path | None, say: Say) -> tuple[Path, Path]:
    """The same of what a run reads, with what it is to take and has taken. `said`: the mixture, if it is named as well.

    Raises CommandError where the run reads something else, or data whose record is not on this machine.
    """
    place = json.loads(run.execution.read_text("utf-8"))["data"]
    if is_url(place) or not (Path(place) / "prepared.json").is_file():
        why = "lies elsewhere" if is_url(place) else "is not all prepared"
        fix = "make the report where it was prepared (--mixture)" if is_url(place) else "prepare the rest with `make data`"
        raise CommandError(f"run {run.name} reads {place}, which {why}, and its record with it\n    fix: {fix}")
    prepared = open_prepared(Path(place))
    if said is not None and (named := _prepared(said, cache, say)).fingerprint != prepared.fingerprint:
        raise CommandError(f"run {run.name} reads {prepared.folder.name}, not {named.folder.name}\n    fix: leave MIXTURE out (--mixture)")
    consumed = consumed_of(run.name, read_lines(run.ledger))
    return write_report(prepared, out or run.path / "data-report.html", consumed, _forecast(run))


def _prepared(said: str, cache: Path, say: Say) -> Prepared:
    if (Path(said) / "prepared.json").is_file():
        return open_prepared(Path(said))
    mixture, cache = load_mixture(said), cache.absolute()
    return prepare(mixture, cache, say, executor_for(mixture, cache))


def _forecast(run: RunDir) -> Forecast | None:
    """What the whole run takes of each source; Megatron's order is known only when it is built, and has none."""
    feed = feed_of(run)
    order = feed.reader.order
    if not isinstance(order, Windows | Packed):
        return None
    samples = feed.batch.samples_after(feed.total_steps)
    planned = {
        each.name: Planned(samples=each.samples, tokens=each.tokens, epochs=each.epochs) for each in forecast(order.samples, samples)
    }
    return Forecast(samples=samples, sequence_length=feed.batch.sequence_length, sources=planned)
