"""The sections of a run page that decide convergence: change one and it is another experiment."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from orchestrator.pages import Count, Length, Section
from orchestrator.registry import OBJECTIVES, nearest, unknown

MOST_INCREMENTS = 10_000
Sequences = Annotated[Count, Field(gt=0, le=2**32)]


class RampUp(Section):
    """Batch-size ramp-up: from `start` sequences, `step` more at equal intervals, over `samples` samples."""

    start: Sequences
    step: Sequences
    samples: Annotated[Count, Field(gt=0)]


class Batch(Section):
    """Global batch in sequences, over all data-parallel ranks and accumulation."""

    sequences: Sequences
    ramp_up: RampUp | None = None

    @model_validator(mode="after")
    def _ramp_reaches_the_batch(self) -> Batch:
        ramp = self.ramp_up
        if ramp and ramp.start > self.sequences:
            raise ValueError(
                f"ramp_up starts at {ramp.start}, above sequences {self.sequences}; fix: write a start below {self.sequences}"
            )
        if ramp and (self.sequences - ramp.start) % ramp.step:
            raise ValueError(
                f"ramp_up goes from {ramp.start} to {self.sequences} in steps of {ramp.step}, which does not divide"
                f" {self.sequences - ramp.start}; fix: write step: {math.gcd(self.sequences - ramp.start, ramp.step)},"
                " or another divisor"
            )
        if ramp and (self.sequences - ramp.start) // ramp.step > MOST_INCREMENTS:
            count = (self.sequences - ramp.start) // ramp.step
            raise ValueError(
                f"ramp_up has {count:,} increments, at most {MOST_INCREMENTS:,} are allowed;"
                f" fix: write a step of at least {-(-(self.sequences - ramp.start) // MOST_INCREMENTS)}"
            )
        return self


class AdamW(Section):
    """AdamW, decoupled weight decay (Loshchilov and Hutter 2019); no decay on norms and biases."""

    name: Literal["adamw"]
    lr: float = Field(gt=0, lt=100)
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.95)
    eps: float = Field(default=1e-8, gt=0, lt=1)
    weight_decay: float = Field(default=0.1, ge=0, lt=10)
    clip_norm: float | None = Field(default=1.0, gt=0)


class Adafactor(Section):
    """Adafactor (Shazeer and Stern 2018), factored second moments, relative steps off."""

    name: Literal["adafactor"]
    lr: float = Field(gt=0, lt=100)
    beta2_decay: float = Field(default=-0.8, lt=0, ge=-1)
    clip_update: float = Field(default=1.0, gt=0)
    weight_decay: float = Field(default=0.0, ge=0, lt=10)
    clip_norm: float | None = Field(default=1.0, gt=0)


Optimizer = Annotated[AdamW | Adafactor, Field(discriminator="name")]


class Schedule(Section):
    """Learning rate over the run: linear warm-up to `lr`, then the named shape down to `min_lr`.

    `decay` is where cosine and linear reach `min_lr` (default: the end of the run); for wsd it is the
    length of the final decay (default: the last tenth).
    """

    name: Literal["constant", "cosine", "linear", "inverse_sqrt", "wsd"] = "cosine"
    warmup: Length = Field(default="0 steps", validate_default=True)
    decay: Length | None = None
    min_lr: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _decay_belongs_to_a_shape_that_decays(self) -> Schedule:
        if self.decay is not None and self.name in ("constant", "inverse_sqrt"):
            raise ValueError(f"schedule {self.name} has no decay length; fix: remove `decay`")
        if self.decay is not None and self.decay.value == 0:
            raise ValueError("decay is 0 steps long; fix: remove it, or say how long")
        return self


class Validation(Section):
    """Loss on held-out documents every so often and at the end, on the same windows each time."""

    every: Length
    samples: int = Field(default=64, gt=0)
    baseline: Literal["bigram"] | None = None
    """`bigram`: also score the best-smoothed bigram model of the training tokens, to compare with."""

    @field_validator("every")
    @classmethod
    def _every_is_positive(cls, every: Length) -> Length:
        return _positive(every)


class Sample(Section):
    """Text generated when the run ends."""

    prompts: tuple[str, ...] = Field(min_length=1)
    tokens: int = Field(default=40, gt=0)
    temperature: float = Field(default=0.8, ge=0)


class Training(Section):
    """One stage of training: what is optimised, on how much, how."""

    alternatives: ClassVar[tuple[tuple[str, ...], ...]] = (("tokens", "steps"),)

    objective: str = "causal_lm"
    batch: Batch
    tokens: Annotated[Count, Field(gt=0)] | None = None
    steps: Annotated[Count, Field(gt=0, le=10**10)] | None = None
    optimizer: Optimizer
    schedule: Schedule = Schedule()
    precision: Literal["fp32", "bf16"] = "bf16"
    seed: int = Field(default=42, ge=0, lt=2**63)
    initial_weights: str | None = Field(default=None, min_length=1)
    """A Hugging Face folder whose weights training begins with; drawn from `seed` where none is said."""
    z_loss: float = Field(default=0.0, ge=0, lt=1)
    """Coefficient of the squared log-partition term (PaLM, section 5); 0 leaves it out."""
    validation: Validation | None = None
    sample: Sample | None = None

    @field_validator("objective")
    @classmethod
    def _objective_exists(cls, name: str) -> str:
        if name not in OBJECTIVES.names():
            valid = OBJECTIVES.names()
            raise ValueError(f"{unknown('objective', name, valid)}; fix: write `{nearest(name, valid) or valid[0]}`")
        return name

    @model_validator(mode="after")
    def _one_length(self) -> Training:
        if (self.tokens is None) == (self.steps is None):
            if self.tokens is None:
                raise ValueError("says neither `tokens` nor `steps`; fix: add how long to train, as `tokens: 1B` or `steps: 1000`")
            raise ValueError("says both `tokens` and `steps`; fix: remove one of them")
        if self.schedule.min_lr > self.optimizer.lr:
            raise ValueError(
                f"schedule.min_lr {self.schedule.min_lr:g} is above optimizer.lr {self.optimizer.lr:g};"
                f" fix: write min_lr: {self.optimizer.lr / 10:g}"
            )
        return self


def _positive(amount: Length) -> Length:
    if amount.value < 1:
        raise ValueError(f"expected at least 1, found {amount}; fix: say how often, such as '100 steps'")
    return amount
