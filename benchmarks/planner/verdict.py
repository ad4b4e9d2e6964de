"""Estimates -> figures of every source and of all, targets and whether they are reached, and what fits or does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.planner.estimates import Estimate, Judged
from benchmarks.planner.score import Errors, Pair, Ranking, errors, ranking
from benchmarks.planner.targets import TARGETS, Target
from orchestrator.planning.published import Run


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one planner scores on one set."""

    time: Errors | None
    memory: Errors | None
    ranking: Ranking


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A target with the figure reached, all figures of its rows, and those of the others; `value` None where the set is empty.

    beaten_by: planners whose figure is no higher than this one's, on the rows that both can express.
    """

    target: Target
    value: float | None
    n: int
    figures: Figures
    others: dict[str, float]
    beaten_by: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        return self.value is None or self.value <= self.target.most


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """Runs that ran out of memory and were said to fit, and runs that ran and were said not to.

    untold: those of the latter whose source does not say what is recomputed, or the micro-batch: what was estimated is
        then another run than what ran. They do not count.
    """

    tried: int
    out_of_memory: tuple[str, ...]
    false_fits: tuple[str, ...]
    false_misfits: tuple[str, ...]
    untold: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """sets: by source (and kind of device) and `all`, then by planner."""

    sets: dict[str, dict[str, Figures]]
    targets: tuple[Reached, ...]
    fitting: Fitting

    @property
    def met(self) -> bool:
        return all(reached.met for reached in self.targets) and not self.fitting.false_fits and not self.fitting.false_misfits


def verdict_of(judged: Judged) -> Verdict:
    """All figures of judged runs."""
    members: dict[str, list[int]] = {}
    for position, run in enumerate(judged.runs):
        members.setdefault(run.cluster, []).append(position)
    members["all"] = list(range(len(judged.runs)))
    sets = {
        name: {planner: figures(_pairs(judged, planner, places)) for planner in judged.estimates}
        for name, places in members.items()
    }  # fmt: skip
    return Verdict(sets=sets, targets=tuple(_reached(judged, target) for target in TARGETS), fitting=_fitting(judged))


def figures(pairs: Sequence[Pair]) -> Figures:
    """Of runs that ran; what ran out of memory counts only where layouts are chosen."""
    ran = [(run, estimate) for run, estimate in pairs if not run.out_of_memory]
    return Figures(time=_time(ran), memory=_memory(ran), ranking=ranking(pairs))


def _time(pairs: Sequence[Pair]) -> Errors | None:
    return errors(pairs, lambda run: run.step_s, lambda estimate: estimate.step_s)


def _memory(pairs: Sequence[Pair]) -> Errors | None:
    return errors(pairs, lambda run: run.peak_bytes, lambda estimate: estimate.peak_bytes)


def _pairs(judged: Judged, planner: str, places: Sequence[int]) -> list[Pair]:
    return [(judged.runs[place], judged.estimates[planner][place]) for place in places]


def _reached(judged: Judged, target: Target) -> Reached:
    places = [place for place, run in enumerate(judged.runs) if target.holds(run)]
    ours_alone = _pairs(judged, "planner", places)
    value, n = _figure(target, ours_alone)
    others: dict[str, float] = {}
    beaten: list[str] = []
    for planner in judged.estimates:
        if planner in ("planner", "defaults"):
            continue
        shared = [place for place in places if _says(judged.estimates[planner][place], target)]
        theirs, _ = _figure(target, _pairs(judged, planner, shared))
        ours, _ = _figure(target, _pairs(judged, "planner", shared))
        if theirs is not None and ours is not None:
            others[planner] = theirs
            beaten += [planner] if theirs <= ours else []
    return Reached(target=target, value=value, n=n, figures=figures(ours_alone), others=others, beaten_by=tuple(beaten))


def _says(estimate: Estimate, target: Target) -> bool:
    return (estimate.peak_bytes if target.figure == "memory" else estimate.step_s) is not None


def _figure(target: Target, pairs: Sequence[Pair]) -> tuple[float | None, int]:
    if target.figure == "regret":
        ranked = ranking(pairs)
        return ranked.regret, ranked.regret_groups
    ran = [(run, estimate) for run, estimate in pairs if not run.out_of_memory]
    found = _time(ran) if target.figure == "time" else _memory(ran)
    return (found.mape, found.n) if found else (None, 0)


def _fitting(judged: Judged) -> Fitting:
    said = [(run, estimate.fits) for run, estimate in zip(judged.runs, judged.estimates["planner"], strict=True)]
    wrong = [run for run, fit in said if not run.out_of_memory and not fit]
    return Fitting(
        tried=len(said), out_of_memory=tuple(run.id for run, _ in said if run.out_of_memory),
        false_fits=tuple(run.id for run, fit in said if run.out_of_memory and fit),
        false_misfits=tuple(run.id for run in wrong if _told(run)), untold=tuple(run.id for run in wrong if not _told(run)),
    )  # fmt: skip


def _told(run: Run) -> bool:
    return bool(run.row["recompute"] and run.row["micro_batch"])
