"""A simulated plan as one screen of text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.planning.reliability.estimate import Reliability
from orchestrator.planning.reliability.outcome import Band
from orchestrator.planning.reliability.scaling import Row, Simulation
from orchestrator.units import format_bytes, format_count, format_duration

if TYPE_CHECKING:
    from orchestrator.planning.plan import Plan

COLUMNS = ("devices", "nodes", "ideal", "fails every", "save every", "takes", "useful", "saving", "lost work", "down", "waiting", "slower")


def render(simulation: Simulation, title: str) -> str:
    """One screen: days, useful time, where the rest goes, how often to save, and the same job at other sizes."""
    plan, found, outcomes = simulation.plan, simulation.reliability, simulation.outcomes
    lost = [f"{cause} {share:.1%}" for cause, share in outcomes.lost().items() if share >= 0.0005]
    failures = ", ".join(f"{name} {format_count(round(count, 1))}" for name, count in outcomes.failures().items() if count)
    spares = outcomes.runs[0].spares
    rows = [
        ("run", f"{plan.total_steps:,} steps{_ramp(plan)} of {format_duration(plan.time.step_s)} on {_nodes(found.nodes)}: {_days(plan.time.total_s)} undisturbed"),
        ("failures", f"one every {_seconds(found.mtbf_s)} on {_nodes(found.nodes)}; {_seconds(found.restart_s)} to be back at work"),
        ("checkpoint", f"{format_bytes(found.checkpoint_bytes)}: {_seconds(found.save_s)} to write, in which training waits,"
                       f" {_seconds(found.load_s)} to read"),
        ("interval", f"{_seconds(found.every_s)} ({found.every_steps:,} steps) said; best {_seconds(found.best_s)} ({found.best_steps:,} steps)"),
        ("", f"Young {_seconds(found.young_s)}, Daly {_seconds(found.daly_s)}, NVIDIA {_seconds(found.nvidia_s)} from save to save"),
        ("simulated", f"{_spread(outcomes.days)}, {_band(outcomes.ettr, '.1%')} of the time useful"
                      + ("" if outcomes.finished else "; NOT FINISHED: it loses work as fast as it does it")),
        ("", f"{_closed(found)}; with the best interval {simulation.best.outcomes.ettr.mean:.1%},"
             f" if saves were asynchronous too {simulation.asynchronous.ettr.mean:.1%}"),
        ("", f"{outcomes.goodput.mean:.1%} of what is reserved, with {_nodes(spares, 'spare ')};"
             f" without spare nodes {simulation.without_spares.ettr.mean:.1%} of the time"),
        ("lost", ", ".join(lost) or "nothing"),
        ("interrupted", f"{outcomes.interruptions.mean:,.1f} times" + (f": {failures}" if failures else "")),
        *(("assumed" if place == 0 else "", line) for place, line in enumerate(found.assumed)),
    ]  # fmt: skip
    head = [title, *(f"  {name:<13}{text}" for name, text in rows)]
    note = "  the same job on other numbers of devices, whether or not it fits there, taken to scale ideally\n  with the same storage, saving at Daly's interval:"
    return "\n".join([*head, note, *_table(simulation)])


def _closed(found: Reliability) -> str:
    return f"closed form {_days(found.days * 86_400)}, {found.ettr:.1%}"


def _table(simulation: Simulation) -> list[str]:
    cells = [COLUMNS, *(_cells(row, row.devices == simulation.plan.world_size) for row in simulation.rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    return ["  " + "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]


def _cells(row: Row, planned: bool) -> tuple[str, ...]:
    conditions, outcomes = row.conditions, row.outcomes
    lost = outcomes.lost()
    shares = (
        lost["checkpoints"], lost["lost work"], lost["detection"] + lost["restarts"], lost["waiting for nodes"],
        lost["fewer nodes"] + lost["stragglers"],
    )  # fmt: skip
    days = _days(outcomes.days.mean * 86_400) if outcomes.finished else "never"
    return (
        f"{'plan ' if planned else ''}{row.devices:,}", f"{conditions.nodes:,}", _days(conditions.work_s), _seconds(row.mtbf_s),
        _seconds(conditions.every_s), days, f"{outcomes.ettr.mean:.1%}", *(f"{share:.1%}" for share in shares),
    )  # fmt: skip


def _band(band: Band, form: str) -> str:
    """The mean and the ends over seeds, once where they look the same."""
    mean, low, high = (format(value, form) for value in (band.mean, band.low, band.high))
    return mean if low == high else f"{mean} ({low} ... {high})"


def _spread(days: Band) -> str:
    mean, low, high = (_days(value * 86_400) for value in (days.mean, days.low, days.high))
    return mean if low == high else f"{mean} ({low} ... {high})"


def _days(seconds: float) -> str:
    days = seconds / 86_400
    return f"{days:,.0f} days" if days >= 1000 else f"{days:.3g} days" if days >= 2 else format_duration(seconds)


def _nodes(count: int, kind: str = "") -> str:
    return f"{count:,} {kind}node{'' if count == 1 else 's'}"


def _seconds(seconds: float) -> str:
    return "never" if math.isinf(seconds) else format_duration(seconds)


def _ramp(plan: Plan) -> str:
    return ", at full batch" if plan.ramps_up else ""
