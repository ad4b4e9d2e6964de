"""The mixture that a run page names, and what its schedule makes of the run's sequences.

A mistake in the name is reported where the page says it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from data_pipeline.blend import StageSection, stages_of
from data_pipeline.mixture import Mixture, load_mixture, shipped_mixtures
from orchestrator.errors import CommandError, PageError
from orchestrator.planning.batch import Lengths
from orchestrator.registry import nearest
from orchestrator.spec.load import LoadedRun, problem_at
from orchestrator.spec.run import RunSpec


def mixture_of(loaded: LoadedRun) -> Mixture:
    """Reads the page's mixture. Raises PageError: at `data.mixture` or `data.live`, or inside the mixture's own page."""
    said = loaded.spec.data.mixture
    try:
        mixture = load_mixture(said)
    except CommandError as error:
        guess = nearest(said, shipped_mixtures())
        fix = f"write `{guess}`" if guess else "write the name of one that ships, or the path of a mixture page"
        raise problem_at(loaded.page, "data.mixture", str(error), fix) from None
    except PageError as error:
        [problem, *others] = error.problems
        if problem.line or others:
            raise
        raise problem_at(loaded.page, "data.mixture", f"{problem.file}: {problem.message}", problem.fix) from None
    missing = [source.name for source in mixture.sources if source.weight is None]
    if loaded.spec.data.live and missing:
        told = f"needs the weight of every source from the start, and {mixture.name!r} gives none to {', '.join(missing[:5])}"
        more = f" and {len(missing) - 5} others" if len(missing) > 5 else ""
        fix = f"write a weight at each of them on the mixture page {said}, or write live: false"
        raise problem_at(loaded.page, "data.live", f"{told}{more}: weights by tokens are known when all is prepared", fix)
    capped = [source.name for source in mixture.sources if source.max_epochs is not None]
    if loaded.spec.data.live and (mixture.schedule or capped):
        what = "a schedule" if mixture.schedule else f"max_epochs of {', '.join(capped[:5])}"
        told = f"takes samples as they are prepared, and {mixture.name!r} has {what}, which counts on all of them"
        raise problem_at(loaded.page, "data.live", told, "write live: false")
    if loaded.spec.data.packing and (lengths := lengths_of(mixture.schedule, loaded.spec)):
        here = ", ".join(f"{length:,}" for length in dict.fromkeys(each.sequence_length for each in lengths))
        told = f"packs samples of one length, and the schedule of mixture {mixture.name!r} has sequences of {here} tokens"
        fix = "leave out packing, or leave sequence_length out of the schedule"
        raise problem_at(loaded.page, "data.packing", told, fix)
    return mixture


def lengths_of(schedule: Sequence[StageSection], spec: RunSpec[Any]) -> tuple[Lengths, ...]:
    """The lengths of the run's sequences under a mixture's schedule; none where all are `data.sequence_length`."""
    if all(stage.sequence_length in (None, spec.data.sequence_length) for stage in schedule):
        return ()
    stages = stages_of(
        schedule, names=(), weights=(), sequence_length=spec.data.sequence_length, batch=spec.training.batch.sequences
    )
    firsts = accumulate((stage.samples or 0 for stage in stages[:-1]), initial=0)
    return tuple(
        Lengths(first_sample=first, sequence_length=stage.sequence_length)
        for first, stage in zip(firsts, stages, strict=True)
    )
