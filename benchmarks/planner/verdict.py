"""Estimates -> figures of every source and of all, targets and whether they are reached, and what fits or does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.planner.estimates import Estimate, Judged
from benchmarks.planner.score import Errors, Pair, Ranking, errors, fits, ranking
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
    """A target with the figure reached and those of the others on the same rows; `value` None where the set is empty.

    better: whether the figure is below that of every other planner, on the rows that both can express.
    """

    target: Target
    value: float | None
    n: int
    others: dict[str, float]
    beaten_by: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        return self.value is None or self.value <= self.target.most


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """Runs that ran out of memory and were said to fit, and runs that ran and were said not to."""

    tried: int
    out_of_memory: tuple[str, ...]
    false_fits: tuple[str, ...]
    false_misfits: tuple[str, ...]


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
    value, n = _figure(target, _pairs(judged, "planner", places))
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
    return Reached(target=target, value=value, n=n, others=others, beaten_by=tuple(beaten))


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
    said: list[tuple[Run, bool]] = [
        (run, fits(run, estimate)) for run, estimate in zip(judged.runs, judged.estimates["planner"], strict=True)
    ]
    return Fitting(
        tried=len(said), out_of_memory=tuple(run.id for run, _ in said if run.out_of_memory),
        false_fits=tuple(run.id for run, fit in said if run.out_of_memory and fit),
        false_misfits=tuple(run.id for run, fit in said if not run.out_of_memory and not fit),
    )  # fmt: skip
