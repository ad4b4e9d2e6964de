"""A verdict as text, and as data for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.planner.estimates import Judged
from benchmarks.planner.score import Errors, Ranking
from benchmarks.planner.verdict import Figures, Fitting, Reached, Verdict
from orchestrator.planning.published import Unusable

_MOST = 12
"""Ids shown of a long list; `--json` has them all."""


def render(verdict: Verdict, judged: Judged, unusable: Sequence[Unusable], *, everything: bool) -> str:
    """All tables. `everything`: also each unusable row by its id."""
    parts = [
        "Targets", _table(_targets(verdict.targets)),
        "Step time, mean absolute error of rows that were not fitted", _table(_errors(verdict, "time")),
        "Peak memory, the same", _table(_errors(verdict, "memory")),
        "Layouts within one model and device count: rank correlation and regret (groups)", _table(_rankings(verdict)),
        _fitting(verdict.fitting), _fitted(judged), _unusable(unusable, everything=everything),
    ]  # fmt: skip
    return "\n\n".join(parts)


def as_data(verdict: Verdict, judged: Judged, unusable: Sequence[Unusable]) -> dict[str, Any]:
    """Everything that `render` shows and what it shortens, and each row's estimates."""
    return {
        "targets": [
            {
                "name": reached.target.name, "figure": reached.target.figure, "most": reached.target.most, "value": reached.value,
                "n": reached.n, "met": reached.met, "figures": asdict(reached.figures), "others": reached.others, "beaten_by": reached.beaten_by,
            }
            for reached in verdict.targets
        ],
        "sets": {name: {planner: asdict(figures) for planner, figures in planners.items()} for name, planners in verdict.sets.items()},
        "fitting": asdict(verdict.fitting),
        "fitted": {
            cluster: {"rows": [run.id for run in constants.fitted], "shipped": constants.known, "calibration": asdict(constants.calibration)}
            for cluster, constants in judged.constants.items()
        },
        "rows": [
            {
                "id": run.id, "cluster": run.cluster, "step_s": run.step_s, "peak_bytes": run.peak_bytes, "out_of_memory": run.out_of_memory,
                **{planner: asdict(estimates[place]) for planner, estimates in judged.estimates.items()},
            }
            for place, run in enumerate(judged.runs)
        ],
        "unusable": [asdict(row) for row in unusable],
    }  # fmt: skip


def _targets(targets: Sequence[Reached]) -> list[list[str]]:
    planners = list(dict.fromkeys(name for reached in targets for name in reached.others))
    rows = [["set", "figure", "target", "reached", "n", "median", "worst", "of row", "rank", "regret", "verdict", *planners]]
    for reached in targets:
        value, most, figures = reached.value, reached.target.most, reached.figures
        verdict = "no rows" if value is None else "reached" if reached.met else f"missed by {100 * (value - most):.1f} points"
        if reached.beaten_by and value is not None:
            verdict += f"; not better than {', '.join(reached.beaten_by)}"
        others = [_percent(reached.others.get(name)) for name in planners]
        found = figures.memory if reached.target.figure == "memory" else figures.time
        detail = [_percent(found.median), f"{found.worst:+.0%}", found.worst_id] if found else ["-", "-", "-"]
        cells = [reached.target.name, reached.target.figure, f"<= {most:.0%}", _percent(value), str(reached.n), *detail]
        rows.append([*cells, _rank(figures.ranking), _percent(figures.ranking.regret), verdict, *others])
    return rows


def _rank(ranking: Ranking) -> str:
    return "-" if ranking.spearman is None else f"{ranking.spearman:.2f} ({ranking.spearman_groups})"


def _errors(verdict: Verdict, quantity: str) -> list[list[str]]:
    planners = list(verdict.sets["all"])
    rows = [["source | device", "n", "MAPE", "median", "bias", "worst", "of row", *[f"{name} (n)" for name in planners[1:]]]]
    for name, figures in verdict.sets.items():
        found = {planner: _quantity(figures[planner], quantity) for planner in planners if planner in figures}
        ours = found.get("planner")
        if ours is None:
            continue
        others = [f"{_percent(errors.mape)} ({errors.n})" if (errors := found.get(other)) else "-" for other in planners[1:]]
        figured = [str(ours.n), _percent(ours.mape), _percent(ours.median), f"{ours.bias:+.1%}", f"{ours.worst:+.1%}", ours.worst_id]
        rows.append([name, *figured, *others])
    return rows


def _quantity(figures: Figures, quantity: str) -> Errors | None:
    return figures.time if quantity == "time" else figures.memory


def _rankings(verdict: Verdict) -> list[list[str]]:
    planners = [name for name in verdict.sets["all"] if name != "defaults"]
    rows = [["source | device", *[f"{name} {what}" for name in planners for what in ("rank", "regret")]]]
    for name, figures in verdict.sets.items():
        ours = figures["planner"].ranking
        if not ours.regret_groups:
            continue
        cells = []
        for planner in planners:
            ranked = figures[planner].ranking
            cells.append(_rank(ranked))
            cells.append("-" if ranked.regret is None else f"{_percent(ranked.regret)} ({ranked.regret_groups})")
        rows.append([name, *cells])
    return rows


def _fitting(fitting: Fitting) -> str:
    return "\n".join([
        f"What fits: {fitting.tried - len(fitting.out_of_memory)} rows ran, {len(fitting.out_of_memory)} ran out of memory",
        f"  ran out of memory:    {_listed(fitting.out_of_memory)}",
        f"  false fits:           {len(fitting.false_fits)} {_listed(fitting.false_fits)}",
        f"  false does-not-fits:  {len(fitting.false_misfits)} {_listed(fitting.false_misfits)}",
        f"  the same, of rows that tell no recomputation or no micro-batch: {len(fitting.untold)} {_listed(fitting.untold)}",
    ])  # fmt: skip


def _fitted(judged: Judged) -> str:
    lines = ["Fitted on (these rows are not scored)"]
    for cluster, constants in judged.constants.items():
        where = " of those that ship" if constants.known else ""
        ids = ", ".join(run.id for run in constants.fitted) or "nothing: the defaults"
        lines.append(f"  {cluster}{where}: {ids}")
    return "\n".join(lines)


def _unusable(unusable: Sequence[Unusable], *, everything: bool) -> str:
    reasons: dict[str, list[str]] = {}
    for row in unusable:
        reasons.setdefault(row.reason, []).append(row.id)
    lines = [f"Left out: {len(unusable)} rows"]
    for reason, ids in sorted(reasons.items(), key=lambda item: -len(item[1])):
        lines.append(f"  {len(ids):>3}  {reason}: {', '.join(ids) if everything else _listed(ids, 3)}")
    return "\n".join(lines)


def _listed(ids: Sequence[str], most: int = _MOST) -> str:
    return ", ".join(ids[:most]) + (f", ... {len(ids) - most} more" if len(ids) > most else "")


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
