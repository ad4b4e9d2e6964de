"""A run's length and cost: what a step's seconds come to over all of its tokens."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.planning.flops import flops_per_token
from orchestrator.planning.hardware import Hardware
from orchestrator.planning.timing import StepTime, step_time
from orchestrator.planning.work import Work

CONVENTION = "torchtitan"
"""In which MFU is shown and tracked: six per matrix parameter and attention over the full square."""


@dataclass(frozen=True, kw_only=True)
class Time:
    """One step at full batch and the whole run. `cost` is in the price's currency, None when no price is said."""

    step: StepTime
    tokens_per_s: float
    mfu: float
    """Of the peak at the run's precision, in CONVENTION."""
    total_s: float
    cost: float | None

    @property
    def step_s(self) -> float:
        return self.step.total


def time_of(work: Work, hardware: Hardware, *, total_tokens: int, price: float | None) -> Time:
    """The estimate for a run of `total_tokens` whose steps are all `work`; `price` per device and hour."""
    step = step_time(work, hardware)
    devices = work.layout.world_size
    flops = flops_per_token(work.architecture, work.sequence_length, CONVENTION) * work.tokens
    total = step.total * total_tokens / work.tokens
    return Time(
        step=step, tokens_per_s=work.tokens / step.total,
        mfu=flops / (step.total * devices * hardware.device.peak_at(work.precision)), total_s=total,
        cost=None if price is None else price * devices * total / 3600,
    )  # fmt: skip
