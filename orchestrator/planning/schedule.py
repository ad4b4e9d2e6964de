"""The learning rate of each step, as a pure function: nothing to save, nothing to restore.

          lr ┤    ╭─────╮            warm-up is linear from 0; then constant, cosine, linear, inverse_sqrt
             │   ╱       ╲           (lr sqrt(W / t), Vaswani et al. 2017) or wsd (stable, then a linear
      min_lr ┤  ╱         ╲─────     decay at the end, Hu et al. 2024).
             └──────────────────

Progress is counted in steps when all lengths are said in steps, else in samples, so that a schedule
given in tokens keeps its shape while the batch ramps up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from orchestrator.planning.batch import BatchPlan
from orchestrator.spec.training import Schedule
from orchestrator.units import Amount


@dataclass(frozen=True, kw_only=True)
class LrSchedule:
    """A schedule with its lengths resolved; `warmup`, `decay_start` and `decay_end` in `unit`."""

    name: str
    peak: float
    floor: float
    unit: Literal["steps", "samples"]
    warmup: int
    decay_start: int
    decay_end: int
    batch: BatchPlan

    def lr(self, step: int) -> float:
        """The learning rate that step `step` (from 1) is taken with."""
        now = step if self.unit == "steps" else self.batch.samples_after(step)
        if now < self.warmup:
            return self.peak * now / self.warmup
        if self.name == "inverse_sqrt":
            start = max(1, self.warmup)
            return max(self.floor, self.peak * math.sqrt(start / max(start, now)))
        return self.floor + (self.peak - self.floor) * self._shape(now)

    def _shape(self, now: int) -> float:
        """1 at the peak, 0 at the floor."""
        if self.name == "constant" or now <= self.decay_start:
            return 1.0
        done = min(1.0, (now - self.decay_start) / max(1, self.decay_end - self.decay_start))
        return (1.0 + math.cos(math.pi * done)) / 2.0 if self.name == "cosine" else 1.0 - done


def resolve_schedule(schedule: Schedule, peak: float, batch: BatchPlan, total_steps: int) -> LrSchedule:
    """The page's schedule on this run's batches and length."""
    said = [amount for amount in (schedule.warmup, schedule.decay) if amount is not None and amount.value]
    unit: Literal["steps", "samples"] = "steps" if all(amount.unit == "steps" for amount in said) else "samples"

    def position(amount: Amount) -> int:
        if amount.unit == "tokens":
            return batch.samples_for(amount.value)
        if amount.unit == "samples" or unit == "steps":
            return amount.value
        return batch.samples_after(amount.value)

    end = total_steps if unit == "steps" else batch.samples_after(total_steps)
    warmup = position(schedule.warmup)
    if schedule.name == "wsd":
        length = position(schedule.decay) if schedule.decay else math.ceil(end / 10)
        start, stop = max(warmup, end - length), end
    else:
        start, stop = warmup, position(schedule.decay) if schedule.decay else end
    return LrSchedule(
        name=schedule.name, peak=peak, floor=schedule.min_lr, unit=unit, warmup=warmup, decay_start=start,
        decay_end=stop, batch=batch,
    )  # fmt: skip
