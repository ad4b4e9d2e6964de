"""A plan as one screen of text, between 60 and 120 columns wide."""

from __future__ import annotations

import math

from orchestrator.planning.batch import Segment
from orchestrator.planning.plan import Plan
from orchestrator.planning.rank_map import node_lines
from orchestrator.planning.render.bars import floating
from orchestrator.planning.render.candidates import MOST, cut_of, other_axes
from orchestrator.planning.render.lines import LABEL, Ink, hanging, headed, joined, labelled, within
from orchestrator.planning.render.parts import time_parts
from orchestrator.planning.render.report import Report, report_of
from orchestrator.planning.render.stages import fullest, stage_table
from orchestrator.planning.render.words import money, seconds
from orchestrator.units import format_bytes, format_count, format_duration

SMALL = 0.002
"""Share of a step below which its parts are shown as one."""


def render(plan: Plan, title: str, *, width: int = 100, colour: bool = False) -> str:
    """One screen: whether it fits, how long it takes and what of it is lost, and why this layout.

    No line is wider than `width`, taken as 60 to 120 columns. `colour`: for a terminal.
    """
    report, ink, width = report_of(plan), Ink(colour), within(width)
    blocks = [
        [ink("bold", line) for line in hanging("", title, width)] + _verdict(report, width, ink),
        _run(plan, width),
        _memory(report, width, ink),
        _step(report, width, ink),
        _reliability(report, width, ink),
        _candidates(report, width, ink),
        _map(plan, width, ink),
        _reasons(report, width, ink),
    ]
    return "\n\n".join("\n".join(line.rstrip() for line in block) for block in blocks if block)


def _verdict(report: Report, width: int, ink: Ink) -> list[str]:
    plan, time, band = report.plan, report.plan.time, report.band
    worst, limit, need = fullest(plan.stage_memory), plan.device_spec.memory, plan.memory.total
    where = f"stage {worst} of {plan.pipeline} is the fullest: " if plan.pipeline > 1 else "each rank takes "
    fits = f"{where}{format_bytes(need)} of {format_bytes(limit)} ({need / limit:.0%})"
    fits += "; the allocator must give cached blocks back" if need > limit else ""
    full = " at full batch" if plan.ramps_up else ""
    hours = f"{report.device_hours:,.0f}" if report.device_hours >= 10 else f"{report.device_hours:.2g}"
    days = f"{format_duration(time.total_s)} undisturbed, {hours} device-hours"
    expected = "; never with interruptions" if report.expected_s is None else f"; {format_duration(report.expected_s)} with interruptions"
    conventions = ", ".join(f"{value:.1%} ({name})" for name, value in report.mfu.items())
    hardware = f"; HFU {report.hfu[1]:.1%} ({report.hfu[0]})" if report.hfu else ""
    rows = [
        ("fits", f"yes; {fits}{band.of('memory')}"),
        ("time", f"{days}{expected}"),
        *([("cost", _cost(report, time.cost))] if time.cost is not None else []),
        ("speed", f"{seconds(time.step_s)} a step{full}{band.of('time')}; {format_count(time.tokens_per_s)} tokens/s,"
                  f" {format_count(time.tokens_per_s / plan.world_size)} per device"),
        ("MFU", f"{conventions}{hardware}"),
        ("error", band.source),
    ]  # fmt: skip
    lines = [line for label, text in rows for line in labelled(label, text, width)]
    lines[0] = lines[0].replace("yes;", f"{ink('good', 'yes')};", 1)
    return lines


def _cost(report: Report, cost: float) -> str:
    price = report.plan.cluster.price_per_device_hour
    expected = report.expected_cost
    more = f"; {money(expected)} with interruptions" if expected is not None else ""
    return f"{money(cost)} at {price:,.2f} per device-hour{more}"


def _run(plan: Plan, width: int) -> list[str]:
    layout, tokens = plan.layout, plan.batch.tokens_after(plan.total_steps)
    batches = ", ".join(f"{part.sequences:,} from step {part.first_step:,}" for part in _shortened(list(plan.batch.segments)))
    batch = batches if len(plan.batch.segments) > 1 else f"{plan.batch.segments[0].sequences:,}"
    nodes = f" on {plan.nodes} nodes of {plan.per_node}" if plan.nodes > 1 else ""
    axes = [f"{axis} {getattr(layout, axis)}" for axis in ("data", "tensor", "pipeline")] + other_axes(plan)
    choices = [f"ZeRO {layout.zero}", f"micro-batch {layout.micro_batch} x {plan.work.micro_batches}", f"recompute {layout.recompute}", f"offload {layout.offload}"]
    rows = [
        ("model", f"{plan.spec.system or plan.spec.model.family}, {format_count(plan.architecture.parameters)} parameters,"
                  f" {len(plan.architecture.blocks)} layers, {plan.precision}"),
        ("devices", f"{plan.world_size:,} x {plan.device_spec.name}{nodes}"),
        ("layout", f"{layout.engine}: {', '.join(axes)}"),
        ("", ", ".join(choices)),
        ("batch", f"{batch} sequences of {plan.sequence_length:,} tokens"),
        ("run", f"{plan.total_steps:,} steps, {format_count(tokens)} tokens"),
    ]  # fmt: skip
    return [line for label, text in rows for line in labelled(label, text, width)]


def _memory(report: Report, width: int, ink: Ink) -> list[str]:
    plan, limit = report.plan, report.plan.device_spec.memory
    head = f"memory of a rank, {format_bytes(limit)} each" + (f"; the sizes are stage {fullest(plan.stage_memory)}'s" if plan.pipeline > 1 else "")
    table = stage_table(plan.stage_memory, plan.stages, plan.layout, plan.per_node, limit, width, ink)
    host = [f"    and {format_bytes(plan.memory.host)} of host memory"] if plan.memory.host else []
    return [*headed(head, width, ink), *table, *host]


def _step(report: Report, width: int, ink: Ink) -> list[str]:
    step, full = report.plan.time.step, " at full batch" if report.plan.ramps_up else ""
    parts = time_parts(step)
    small = {name: value for name, value in parts.items() if value < SMALL * step.total}
    shown = {name: value for name, value in parts.items() if name not in small}
    if sum(small.values()) >= 0.0005 * step.total:
        shown["rest"] = sum(small.values())
    bar = width - 2 - LABEL - 18
    lines, start = [], 0.0
    for name, value in shown.items():
        block = floating(start, value, step.total, bar)
        lines.append(f"  {name:<{LABEL}}{seconds(value):>9}{value / step.total:>7.1%}  {block}")
        start += value
    return [*headed(f"one step{full}, {seconds(step.total)}{_not_hidden(parts)}", width, ink), *lines]


def _not_hidden(parts: dict[str, float]) -> str:
    exchanges = {"tensor", "context", "expert", "sends", "gradients", "gathers"} & parts.keys()
    return "; communication is what no computing hides" if exchanges else ""


def _reliability(report: Report, width: int, ink: Ink) -> list[str]:
    found = report.reliability
    every = f"every {format_duration(found.every_s)} ({found.every_steps:,} steps)"
    best = f"best every {format_duration(found.best_s)} ({found.best_steps:,} steps)"
    mtbf = "no failures expected" if math.isinf(found.mtbf_s) else f"one every {format_duration(found.mtbf_s)} on {found.nodes} node{'s' if found.nodes > 1 else ''}"
    count = f"{found.interruptions:,.1f}" if math.isfinite(found.interruptions) else "without end"
    rows = [
        ("checkpoint", f"{format_bytes(found.checkpoint_bytes)}, {seconds(found.save_s)} to write; {every}; {best}"),
        ("failures", f"{mtbf}, {count} in all; {format_duration(found.restart_s)} to be back at work"),
        ("ETTR", f"{found.ettr:.1%} of the time is useful; {found.best_ettr:.1%} with the best interval"),
    ]
    if report.plan.device == "cpu" or found.interruptions < 0.005:
        rows = rows[:1]
    return [*headed("saving and interruptions", width, ink), *(line for label, text in rows for line in labelled(label, text, width))]


def _candidates(report: Report, width: int, ink: Ink) -> list[str]:
    found, searched = report.plan.candidates[:MOST], report.plan.searched
    if not found:
        return []
    best = found[0].step.total
    rows = []
    for place, one in enumerate(found, 1):
        slower = f"{one.step.total / best - 1:+.1%}" if place > 1 else "chosen"
        start = f"  {place}  {seconds(one.step.total):>7} {slower:>7} {format_bytes(one.memory.total):>10}  "
        why = f"; {one.reason.rpartition(' slower: ')[2]}" if place > 1 else ""
        rows += hanging(start, f"{one.layout.engine} {cut_of(one.layout)}{why}", width)
    of = f" of {searched.legal:,} that break no rule" if searched else ""
    head = f"the best {len(found)} layouts{of}: step, fullest rank, layout"
    return [*headed(head, width, ink), *rows]


def _map(plan: Plan, width: int, ink: Ink) -> list[str]:
    """Where ranks stand; nothing where every rank holds the whole model."""
    layout = plan.layout
    if layout.tensor * layout.pipeline * layout.context * layout.expert == 1:
        return []
    lines: list[str] = []
    for line in node_lines(plan):
        start, _, ranks = line.partition(": ")
        if not ranks:
            lines += labelled("map" if not lines else "", line, width)
            continue
        for place, piece in enumerate(joined(ranks.split(" | "), " | ", width - 2 - LABEL - len(start) - 2)):
            lead = f"{start}: " if place == 0 else " " * (len(start) + 2)
            lines.append(f"  {'map' if not lines else '':<{LABEL}}{lead}{piece}")
    return lines


def _reasons(report: Report, width: int, ink: Ink) -> list[str]:
    lines = [line for place, reason in enumerate(report.plan.reasons) for line in labelled("" if place else "why", reason, width)]
    if report.reliability.interruptions >= 0.005:
        lines += labelled("assumed", "; ".join(report.reliability.assumed), width)
    return lines


def _shortened(segments: list[Segment]) -> list[Segment]:
    return segments if len(segments) <= 3 else [segments[0], segments[1], segments[-1]]
