"""Figures of a set of runs: how far estimates are off, whether they rank layouts, and what choosing by them costs.

    mape      mean of |estimated - measured| / measured
    spearman  rank correlation of estimated and measured time per token, within each group of one model and device
              count, averaged over groups of three layouts or more: over mixed models it would only measure their size
    regret    measured time per token of the layout with the least estimated one, over the best measured of its group,
              less one; averaged over groups of two layouts or more
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.planner.estimates import Estimate
from orchestrator.planning.published import Run
from orchestrator.planning.published.rows import groups


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Relative errors of `n` runs; `bias` is their mean with its sign, `worst` the largest with its sign and run."""

    n: int
    mape: float
    median: float
    bias: float
    worst: float
    worst_id: str


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Means over groups; None where there is no group. `failed`: groups whose chosen layout had run out of memory."""

    spearman: float | None
    spearman_groups: int
    regret: float | None
    regret_groups: int
    failed: tuple[str, ...] = ()


Pair = tuple[Run, Estimate]


def errors(pairs: Sequence[Pair], measured: Callable[[Run], float | None], said: Callable[[Estimate], float | None]) -> Errors | None:
    """Errors over the pairs that have both; None where none has."""
    found = [(said_of / truth - 1, run.id) for run, estimate in pairs if (truth := measured(run)) and (said_of := said(estimate))]
    if not found:
        return None
    sizes = [abs(error) for error, _ in found]
    worst, worst_id = max(found, key=lambda pair: abs(pair[0]))
    return Errors(
        n=len(found), mape=statistics.fmean(sizes), median=statistics.median(sizes),
        bias=statistics.fmean(error for error, _ in found), worst=worst, worst_id=worst_id,
    )  # fmt: skip


def ranking(pairs: Sequence[Pair]) -> Ranking:
    """How well the estimates order the layouts of each group, and what the first of them costs."""
    said = {id(run): estimate for run, estimate in pairs if estimate.step_s}
    correlations: list[float] = []
    regrets: list[float] = []
    failed: list[str] = []
    for members in groups([run for run, _ in pairs if id(run) in said and (run.step_s or run.out_of_memory)]).values():
        ran = [run for run in members if run.step_s]
        if len(ran) >= 3:
            truth = [_per_token(run, run.step_s) for run in ran]
            guess = [_per_token(run, said[id(run)].step_s) for run in ran]
            correlations.append(spearman(guess, truth))
        if len(members) >= 2 and ran:
            _add_regret(members, said, regrets, failed)
    return Ranking(
        spearman=statistics.fmean(correlations) if correlations else None, spearman_groups=len(correlations),
        regret=statistics.fmean(regrets) if regrets else None, regret_groups=len(regrets), failed=tuple(failed),
    )  # fmt: skip


def _add_regret(members: Sequence[Run], said: dict[int, Estimate], regrets: list[float], failed: list[str]) -> None:
    """Of the layouts that are said to fit, or of all where none is, the fastest; ties count as their mean."""
    fitting = [run for run in members if said[id(run)].fits] or list(members)
    guess = {id(run): _per_token(run, said[id(run)].step_s) for run in fitting}
    least = min(guess.values())
    chosen = [run for run in fitting if guess[id(run)] <= least * (1 + 1e-9)]
    failed += [run.id for run in chosen if not run.step_s]
    best = min(_per_token(run, run.step_s) for run in members if run.step_s)
    costs = [_per_token(run, run.step_s) / best - 1 for run in chosen if run.step_s]
    if costs:
        regrets.append(statistics.fmean(costs))


def _per_token(run: Run, step_s: float | None) -> float:
    assert step_s is not None
    return step_s / run.work.tokens


def spearman(left: Sequence[float], right: Sequence[float]) -> float:
    """Correlation of ranks, ties sharing their mean rank; 0 where one side is all ties and so says nothing."""
    x, y = _ranks(left), _ranks(right)
    middle = (len(x) - 1) / 2
    over = sum((a - middle) * (b - middle) for a, b in zip(x, y, strict=True))
    under = sum((a - middle) ** 2 for a in x) * sum((b - middle) ** 2 for b in y)
    return over / under**0.5 if under else 0.0


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=lambda index: values[index])
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] <= values[order[start]] * (1 + 1e-9):
            end += 1
        for place in range(start, end + 1):
            ranks[order[place]] = (start + end) / 2
        start = end + 1
    return ranks
