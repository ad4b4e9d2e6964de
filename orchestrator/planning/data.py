"""The mixture that a run page names; a mistake in the name is reported where the page says it."""

from __future__ import annotations

from data_pipeline.mixture import Mixture, load_mixture, shipped_mixtures
from orchestrator.errors import CommandError, PageError
from orchestrator.registry import nearest
from orchestrator.spec.load import LoadedRun, problem_at


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
    return mixture
