"""Tables of the page: candidates, stages, scaling, what was assumed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from html import escape

from orchestrator.planning.rank_map import node_lines
from orchestrator.planning.render.candidates import MOST, cut_of
from orchestrator.planning.render.report import Report
from orchestrator.planning.render.scaling import Scaling
from orchestrator.planning.render.stages import layers_of
from orchestrator.planning.render.words import seconds
from orchestrator.planning.search import Candidate
from orchestrator.units import format_bytes, format_count


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = (), chosen: int | None = None) -> str:
    """A table; the columns of `numbers` stand right, row `chosen` is bold."""

    def cell(tag: str, column: int, words: str) -> str:
        kind = ' class="number"' if column in numbers else ""
        return f"<{tag}{kind}>{escape(words)}</{tag}>"

    header = "".join(cell("th", column, words) for column, words in enumerate(head))
    body = "".join(
        ('<tr class="chosen">' if place == chosen else "<tr>") + "".join(cell("td", column, words) for column, words in enumerate(row)) + "</tr>"
        for place, row in enumerate(rows)
    )
    return f'<div class="scroll"><table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table></div>'


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """Names and what they are."""
    body = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(words)}</td></tr>' for name, words in rows)
    return f'<div class="scroll"><table><tbody>{body}</tbody></table></div>'


def candidate_table(candidates: Sequence[Candidate]) -> str:
    """The best layouts, the first of which was taken."""
    best = candidates[0].step.total
    rows = [
        (str(place), cut_of(one.layout), one.layout.engine, seconds(one.step.total), f"{one.step.total / best - 1:+.1%}" if place > 1 else "chosen",
         format_bytes(one.memory.total), one.reason)
        for place, one in enumerate(candidates[:MOST], 1)
    ]  # fmt: skip
    return table(("", "layout", "engine", "step", "slower", "fullest rank", ""), rows, numbers=(3, 4, 5), chosen=0)


def rank_table(report: Report) -> str:
    """Which layers, nodes and ranks every stage has; then nodes, or how groups lie."""
    plan, plane = report.plan, report.plan.world_size // report.plan.pipeline
    rows = []
    for stage, chunks in enumerate(plan.stages):
        first, last = stage * plane, (stage + 1) * plane - 1
        rows.append((str(stage), layers_of(chunks), f"{first // plan.per_node}–{last // plan.per_node}", f"{first:,}–{last:,}"))
    cut = plan.tensor * plan.pipeline * plan.context * plan.layout.expert > 1
    lines = "".join(f'<p class="map"><code>{escape(line)}</code></p>' for line in node_lines(plan)) if cut else ""
    return table(("stage", "layers", "nodes", "ranks"), rows) + lines


def scaling_table(scaling: Scaling) -> str:
    """Both curves in numbers."""
    rows = [
        (name, f"{p.devices:,}", f"{p.nodes:,}", f"{p.sequences:,}", str(p.micro_batch), str(p.zero), seconds(p.step_s),
         format_count(p.tokens_per_s), f"{p.mfu:.1%}")
        for name, points in (("strong", scaling.strong), ("weak", scaling.weak)) for p in points
    ]  # fmt: skip
    head = ("scaling", "devices", "nodes", "sequences", "micro-batch", "ZeRO", "step", "tokens/s", "MFU")
    return table(head, rows, numbers=range(1, 9))


def calibration_table(report: Report) -> str:
    """The numbers that no data sheet has, and which of them the cluster's page replaced."""
    said = {name.replace("_us", "_s") for name, value in report.plan.cluster.calibration.model_dump().items() if value is not None}
    rows = [
        (name.replace("_", " "), _number(name, value), "the cluster's page" if name in said else "the planner's default")
        for name, value in asdict(report.plan.hardware.calibration).items() if isinstance(value, int | float)
    ]  # fmt: skip
    return table(("constant", "value", "from"), rows, numbers=(1,))


def _number(name: str, value: float) -> str:
    if name.endswith("_bytes"):
        return format_bytes(value)
    return seconds(value) if name.endswith("_s") else f"{value:.4g}"
