"""How much of each source: weights from tokens, from a cap on epochs, or as said; and how they change on the way.

    weights: {by: tokens, alpha: 0.5}            # p_i = n_i**alpha / sum of n**alpha; temperature is 1 / alpha
    weights: {by: unimax, epochs: 4, budget: 300B}
    schedule:
      - {until: 10B tokens, sequence_length: 512}
      - {until: 270B tokens}
      - {weights: {books: 0.6, code: 0.4}}       # the sources that it does not name rest

In proportion to tokens a mixture of many languages is English, and equal shares see small languages a hundred
times; between the two lies a number that somebody chose, and the page says which. Sources with a weight of their own are
given that; where some have one and others have none, weights are shares of the whole, and the others have what is left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from orchestrator.errors import DataError
from orchestrator.pages import Count, Length, Section
from orchestrator.registry import unknown

if TYPE_CHECKING:
    from data_pipeline.order import Stage


class WeightsSection(Section):
    """How the sources without a weight of their own are weighed."""

    alternatives: ClassVar[tuple[tuple[str, ...], ...]] = (("alpha", "temperature"),)
    by: Literal["tokens", "unimax"] = "tokens"
    alpha: float | None = Field(default=None, ge=0, le=1, description="1: by tokens (the default), 0: all alike")
    temperature: float | None = Field(default=None, ge=1, description="1 / alpha, as others write it")
    epochs: float | None = Field(default=None, gt=0, description="unimax: how often a source is seen at most")
    budget: Annotated[Count, Field(ge=1)] | None = Field(default=None, description="unimax: training tokens")

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        smooth = [name for name in ("alpha", "temperature") if getattr(self, name) is not None]
        capped = [name for name in ("epochs", "budget") if getattr(self, name) is not None]
        if len(smooth) == 2:
            raise ValueError("temperature is 1 / alpha, and both are said; fix: remove one of them")
        if self.by == "unimax" and (smooth or len(capped) < 2):
            raise ValueError("unimax needs epochs and budget, and nothing else; fix: {by: unimax, epochs: 4, budget: 300B}")
        if self.by == "tokens" and capped:
            raise ValueError(f"{' and '.join(capped)} belong to unimax; fix: write `by: unimax`, or remove them")
        return self

    def shares(self, tokens: Sequence[int]) -> tuple[float, ...]:
        """The weights of sources with so many training tokens; they sum to 1."""
        if self.by == "unimax" and self.budget is not None and self.epochs is not None:
            return unimax(tokens, budget=self.budget, epochs=self.epochs)
        alpha = 1 / self.temperature if self.temperature is not None else 1.0 if self.alpha is None else self.alpha
        return by_tokens(tokens, alpha=alpha)


def by_tokens(tokens: Sequence[int], *, alpha: float) -> tuple[float, ...]:
    """p_i = n_i**alpha / sum of n_j**alpha (Conneau and Lample 2019, section 3.1); a source without tokens has 0."""
    whole = sum(tokens)
    powers = [(count / whole) ** alpha if count else 0.0 for count in tokens]
    total = math.fsum(powers)
    return tuple(power / total for power in powers)


def unimax(tokens: Sequence[int], *, budget: int, epochs: float) -> tuple[float, ...]:
    """Equal shares of a budget of tokens, save that no source is seen more than `epochs` times.

    What a small source cannot take is shared by the larger ones (Chung et al. 2023, arXiv:2304.09151, algorithm 1).
    """
    left, taken = float(budget), [0.0] * len(tokens)
    smallest_first = sorted(range(len(tokens)), key=lambda source: (tokens[source], source))
    for turn, source in enumerate(smallest_first):
        taken[source] = min(left / (len(tokens) - turn), epochs * tokens[source])
        left -= taken[source]
    total = math.fsum(taken)
    return tuple(share / total for share in taken)


def weights_of(
    names: Sequence[str], tokens: Sequence[int], said: Sequence[float | None], section: WeightsSection
) -> tuple[float, ...]:
    """One weight a source: as said, and for the others as the section says.

    Where all are said they are taken as they are. Where some are, they are shares of 1, and the sources without share what
    is left. Raises DataError when nothing is left, or a source that needs tokens to be weighed has none.
    """
    silent = [source for source, weight in enumerate(said) if weight is None]
    if empty := [names[source] for source in silent if not tokens[source]]:
        raise DataError(f"no weight can be worked out for {', '.join(empty)}, without training tokens; remove them or give them text")
    own = {source: weight for source, weight in enumerate(said) if weight is not None}
    if not silent:
        return tuple(own.values())
    if problem := nothing_left(names, said):
        raise DataError(f"{problem}; say shares that sum to less than 1, or a weight for each source")
    left = 1 - math.fsum(own.values())
    shares = section.shares([tokens[source] for source in silent])
    worked_out = {source: left * share for source, share in zip(silent, shares, strict=True)}
    return tuple({**own, **worked_out}[source] for source in range(len(names)))


def nothing_left(names: Sequence[str], said: Sequence[float | None]) -> str | None:
    """What is wrong with weights of which some are said, if those leave nothing of 1 for the others."""
    silent = [name for name, weight in zip(names, said, strict=True) if weight is None]
    own = {name: weight for name, weight in zip(names, said, strict=True) if weight is not None}
    if not own or not silent or math.fsum(own.values()) < 1 - 1e-9:
        return None
    listed = ", ".join(f"{name} {weight:g}" for name, weight in own.items())
    return f"the weights that are said ({listed}) sum to {math.fsum(own.values()):g} and leave nothing of 1 for {', '.join(silent)}"


class StageSection(Section):
    """A part of the run, up to `until`; what it does not say is as it is for the whole mixture and run."""

    until: Length | None = Field(default=None, description="tokens or samples from the start of the run; the last stage has no end")
    weights: dict[str, Annotated[float, Field(ge=0)]] | None = Field(
        default=None, min_length=1, description="source: weight; sources that are not named rest"
    )
    sequence_length: Annotated[Count, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.until is not None and self.until.unit == "steps":
            raise ValueError("a mixture does not know how long a step is; fix: write `until: 300B tokens`, or samples")
        if self.weights is not None and not any(self.weights.values()):
            raise ValueError("no source has a weight above 0; fix: give one a weight, or leave `weights` out")
        return self


def _in_order(stages: tuple[StageSection, ...]) -> tuple[StageSection, ...]:
    for number, stage in enumerate(stages, start=1):
        if (stage.until is None) != (number == len(stages)):
            what = "is the last and ends" if stage.until is not None else "has no end, but others follow"
            raise ValueError(f"stage {number} of {len(stages)} {what}; fix: write `until` at all stages but the last")
    units = {stage.until.unit for stage in stages if stage.until is not None}
    if len(units) > 1:
        raise ValueError("some stages end at tokens, others at samples; fix: write all in one unit")
    ends = [stage.until.value for stage in stages if stage.until is not None]
    for number, (before, after) in enumerate(zip([0, *ends], ends, strict=False), start=1):
        if after <= before:
            raise ValueError(f"stage {number} ends at {after:,}, where it begins at {before:,}; fix: count `until` from the run's start")
    return stages


ScheduleSection = Annotated[tuple[StageSection, ...], AfterValidator(_in_order)]
"""The stages of a run in their order; none is one stage of the mixture's own weights."""


def unknown_sources(schedule: Sequence[StageSection], names: Sequence[str]) -> str | None:
    """What is wrong with the names in a schedule, with the nearest of those that exist; None if nothing is."""
    for number, stage in enumerate(schedule, start=1):
        for name in stage.weights or {}:
            if name not in names:
                return f"stage {number}: {unknown('source', name, names)}"
    return None


def stages_of(
    schedule: Sequence[StageSection],
    *,
    names: Sequence[str],
    weights: Sequence[float],
    sequence_length: int,
    chunk: int | None = None,
    batch: int = 1,
) -> tuple[Stage, ...]:
    """The stages of an order, of mixture weights `weights` and a run of `sequence_length`.

    An end in tokens is put at the first whole batch of `batch` samples that is not before it and cuts no chunk, so that batches
    never mix stages; an end in samples has to be one already, or DataError says the nearest.
    """
    from data_pipeline.order import Stage  # numpy is not for whoever only checks a page

    lengths = [stage.sequence_length or sequence_length for stage in schedule]
    longest = chunk or max([sequence_length, *lengths])
    stages: list[Stage] = []
    tokens = samples = 0
    for number, (stage, length) in enumerate(zip(schedule, lengths, strict=True), start=1):
        count = None
        if stage.until is not None:
            whole = math.lcm(max(longest // length, 1), batch)
            begun, unit = (tokens, length) if stage.until.unit == "tokens" else (samples, 1)
            count = max(-(-(stage.until.value - begun) // (unit * whole)), 1) * whole
            if stage.until.unit == "samples" and count != stage.until.value - begun:
                raise DataError(
                    f"stage {number} ends at sample {stage.until.value:,}, but has to hold a multiple of {whole:,} samples (batches of "
                    f"{batch:,}, {longest // length} samples a chunk); write {begun + count - whole:,} or {begun + count:,} samples"
                )
            tokens, samples = tokens + count * length, samples + count
        shares = tuple(weights) if stage.weights is None else _named(stage.weights, names)
        stages.append(Stage(samples=count, weights=shares, sequence_length=length))
    return tuple(stages) or (Stage(weights=tuple(weights), sequence_length=sequence_length),)


def _named(said: Mapping[str, float], names: Sequence[str]) -> tuple[float, ...]:
    return tuple(said.get(name, 0.0) for name in names)
