"""A run's length and cost: what the seconds of its steps come to, small ones of a ramp-up as what they are.

A step of a small batch is not proportionally shorter: its bubble is larger, and the exchange of gradients and the
optimizer take as long as at full batch. BLOOM's ramp-up over its first tenth of steps is such a case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from orchestrator.planning.flops import flops_per_token
from orchestrator.planning.hardware import Hardware
from orchestrator.planning.timing import StepTime, step_time
from orchestrator.planning.work import Work

CONVENTION = "torchtitan"
"""In which MFU is shown and tracked: six per matrix parameter and attention over the full square."""


@dataclass(frozen=True, kw_only=True)
class Time:
    """One step at full batch, and the whole run. `cost` is in the price's currency, None when no price is said."""

    step: StepTime
    tokens_per_s: float
    mfu: float
    """Of the peak at the run's precision, in CONVENTION."""
    total_s: float
    """Of all steps, each at its own batch; without saving and interruptions."""
    cost: float | None

    @property
    def step_s(self) -> float:
        return self.step.total


def time_of(work: Work, hardware: Hardware, *, steps: Mapping[int, int], price: float | None) -> Time:
    """`work` is the step at full batch; `steps` says how many steps take how many sequences; `price` per device and hour."""
    step = step_time(work, hardware)
    devices = work.layout.world_size
    flops = flops_per_token(work.architecture, work.sequence_length, CONVENTION) * work.tokens
    total = sum(count * _seconds(replace(work, sequences=sequences), hardware) for sequences, count in steps.items())
    return Time(
        step=step, tokens_per_s=work.tokens / step.total,
        mfu=flops / (step.total * devices * hardware.device.peak_at(work.precision)), total_s=total,
        cost=None if price is None else price * devices * total / 3600,
    )  # fmt: skip


def _seconds(work: Work, hardware: Hardware) -> float:
    return step_time(work, hardware).total
