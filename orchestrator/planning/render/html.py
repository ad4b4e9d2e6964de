"""A plan as one page of HTML that needs nothing else: its own style and drawings, no script, no font, no address."""

from __future__ import annotations

import math
from html import escape

from orchestrator.planning.render.candidates import other_axes
from orchestrator.planning.render.plots.memory import memory_plot
from orchestrator.planning.render.plots.scaling import mfu_plot, scaling_legend, speed_plot
from orchestrator.planning.render.plots.timeline import timeline_plot
from orchestrator.planning.render.plots.waterfall import waterfall_plot
from orchestrator.planning.render.report import Report
from orchestrator.planning.render.style import style
from orchestrator.planning.render.tables import (
    calibration_table,
    candidate_table,
    pairs,
    rank_table,
    scaling_table,
)
from orchestrator.planning.render.words import money, seconds
from orchestrator.planning.time import CONVENTION
from orchestrator.units import format_bytes, format_count, format_duration


def render_html(report: Report, title: str) -> str:
    """The whole page."""
    plan = report.plan
    name = f"{plan.spec.system or plan.spec.model.family}, {format_count(plan.architecture.parameters)} parameters"
    body = "\n".join(part for part in (
        f'<header><h1>{escape(name)}</h1><p class="soft"><code>{escape(title)}</code></p>{_verdict(report)}</header>',
        _figures(report),
        _section("Run", "", _run(report)),
        _section("Memory of a rank", _memory_words(report), _scroll(memory_plot(plan.stage_memory, plan.device_spec.memory))),
        _section("One step", _step_words(report), _scroll(waterfall_plot(plan.time.step))),
        _section("Pipeline schedule" if plan.pipeline > 1 else "Schedule", _timeline_words(report), _scroll(timeline_plot(report.timeline))),
        _scaling(report),
        _candidates(report),
        _section("Where ranks stand", "", rank_table(report)),
        _section("Saving and interruptions", "Closed form: failures without memory, training waits for saves.", _reliability(report)),
        _section("Why this layout", "", _reasons(report)) if plan.reasons else "",
        _section("Calibration", f"{report.band.source}.", calibration_table(report)),
    ) if part)  # fmt: skip
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title>\n<style>{style()}</style></head>\n<body>\n{body}\n</body></html>"
    )


def _section(title: str, words: str, inside: str) -> str:
    told = f'<p class="soft">{escape(words)}</p>' if words else ""
    return f"<section><h2>{escape(title)}</h2>{told}{inside}</section>"


def _scroll(inside: str) -> str:
    return f'<div class="scroll">{inside}</div>'


def _verdict(report: Report) -> str:
    plan, limit = report.plan, report.plan.device_spec.memory
    worst = plan.stage_memory.index(plan.memory)
    where = f"stage {worst} of {plan.pipeline} is the fullest" if plan.pipeline > 1 else "every rank"
    words = f"{where}: {format_bytes(plan.memory.total)} of {format_bytes(limit)} ({plan.memory.total / limit:.0%}){report.band.of('memory')}"
    return f'<p><span class="verdict good">Fits</span> &nbsp;{escape(words)}</p>'


def _figures(report: Report) -> str:
    plan, time, found = report.plan, report.plan.time, report.reliability
    conventions = "; ".join(f"{value:.1%} {name}" for name, value in report.mfu.items() if name != CONVENTION)
    hardware = f"; HFU {report.hfu[1]:.1%} {report.hfu[0]}" if report.hfu else ""
    expected = "never with interruptions" if report.expected_s is None else f"{format_duration(report.expected_s)} with interruptions"
    hours = f"{report.device_hours:,.0f}" if report.device_hours >= 10 else f"{report.device_hours:.2g}"
    figures = [
        ("Time of the run", format_duration(time.total_s), expected),
        ("One step at full batch" if plan.ramps_up else "One step", seconds(time.step_s) + report.band.of("time"), f"{plan.total_steps:,} steps"),
        ("Tokens per second", format_count(time.tokens_per_s), f"{format_count(time.tokens_per_s / plan.world_size)} per device"),
        (f"MFU, convention {CONVENTION}", f"{time.mfu:.1%}", conventions + hardware),
        ("Device-hours", hours, f"{plan.world_size:,} x {plan.device_spec.name}"),
    ]
    if time.cost is not None:
        more = f"; {money(report.expected_cost)} with interruptions" if report.expected_cost is not None else ""
        figures.append(("Cost", money(time.cost), f"at {plan.cluster.price_per_device_hour:,.2f} per device-hour{more}"))
    mtbf = "none expected" if math.isinf(found.mtbf_s) else f"one every {format_duration(found.mtbf_s)}"
    figures.append(("Interruptions", f"{found.interruptions:,.1f}" if math.isfinite(found.interruptions) else "without end", mtbf))
    figures.append(("Useful time (ETTR)", f"{found.ettr:.1%}", f"{found.best_ettr:.1%} with the best interval"))
    figures.append(("Checkpoint", format_bytes(found.checkpoint_bytes), f"{seconds(found.save_s)} to write"))
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(note)}</small></dd></div>" for name, value, note in figures)
    return f'<dl class="figures">{items}</dl>'


def _run(report: Report) -> str:
    plan, layout = report.plan, report.plan.layout
    axes = ", ".join([*(f"{axis} {getattr(layout, axis)}" for axis in ("data", "tensor", "pipeline")), *other_axes(plan)])
    first, last = plan.batch.segments[0].sequences, plan.batch.segments[-1].sequences
    return pairs([
        ("model", f"{plan.architecture.parameters:,} parameters, {len(plan.architecture.blocks)} layers, {plan.precision}"),
        ("devices", f"{plan.world_size:,} x {plan.device_spec.name}, {plan.nodes:,} nodes of {plan.per_node}"),
        ("layout", f"{layout.engine}: {axes}"),
        ("choices", f"ZeRO {layout.zero}, micro-batch {layout.micro_batch}, recompute {layout.recompute}, offload {layout.offload}"),
        ("batch", f"{last:,} sequences of {plan.sequence_length:,} tokens" + (f", ramping up from {first:,}" if first != last else "")),
        ("run", f"{plan.total_steps:,} steps, {format_count(plan.batch.tokens_after(plan.total_steps))} tokens"),
    ])  # fmt: skip


def _memory_words(report: Report) -> str:
    host = report.plan.memory.host
    return "Estimated peak, by part" + (f"; and {format_bytes(host)} of host memory." if host else ".")


def _step_words(report: Report) -> str:
    return f"At full batch, {report.plan.work.sequences:,} sequences. Communication is what no computing hides."


def _timeline_words(report: Report) -> str:
    plan, found = report.plan, report.timeline
    what = "one forward, one backward" if plan.layout.virtual == 1 else f"interleaved, {plan.layout.virtual} chunks per stage"
    count = f"{found.micro_batches:,} micro-batches of {plan.micro_batch}"
    if plan.pipeline == 1:
        return f"{count}, one after the other on every rank."
    return f"{count}, {what}; numbers are micro-batches. Stages idle {found.bubble:.1%} of the time until the last backward pass: the bubble, and lighter stages waiting for heavier."


def _scaling(report: Report) -> str:
    scaling, here = report.scaling, report.plan.world_size
    counts = {point.devices for point in (*scaling.strong, *scaling.weak)}
    words = "Planned anew at each number of devices: replicas are added or removed, the cut of a replica stays. Dotted: every device adds as much as now."
    if len(counts) < 2:
        return _section("Scaling", "No other number of devices is legal for this page, or is joined by a network on the cluster's page.", "")
    pair = f'<div class="pair">{speed_plot(scaling, here)}{mfu_plot(scaling, here, CONVENTION)}</div>'
    return _section("Scaling", words, f"{scaling_legend()}{pair}<details><summary>in numbers</summary>{scaling_table(scaling)}</details>")


def _candidates(report: Report) -> str:
    found, searched = report.plan.candidates, report.plan.searched
    if not found:
        return ""
    of = f" of {searched.legal:,} layouts that break no rule, {searched.estimated:,} of which were estimated" if searched else ""
    return _section("Best layouts", f"The fastest{of}; the first is this plan.", candidate_table(found))


def _reliability(report: Report) -> str:
    found = report.reliability
    mtbf = "none expected" if math.isinf(found.mtbf_s) else f"one every {format_duration(found.mtbf_s)} on {found.nodes:,} nodes"
    count = f"{found.interruptions:,.1f} in all" if math.isfinite(found.interruptions) else "without end"
    rows = [
        ("checkpoint", f"{format_bytes(found.checkpoint_bytes)}, {seconds(found.save_s)} to write, {seconds(found.load_s)} to read"),
        ("interval", f"every {format_duration(found.every_s)} ({found.every_steps:,} steps), as the page says"),
        ("best interval", f"every {format_duration(found.best_s)} ({found.best_steps:,} steps)"),
        ("failures", f"{mtbf}, {count}"),
        ("back at work", f"{format_duration(found.restart_s)} after a failure"),
        ("useful time", f"{found.ettr:.1%}; {found.best_ettr:.1%} with the best interval"),
        *((("assumed" if place == 0 else ""), words) for place, words in enumerate(found.assumed)),
    ]
    return pairs(rows)


def _reasons(report: Report) -> str:
    return f"<ul>{''.join(f'<li>{escape(reason)}</li>' for reason in report.plan.reasons)}</ul>"
