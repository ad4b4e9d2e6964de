"""Which samples each step takes: the batch through its ramp-up, as a function of the step alone.

A ramp-up follows Megatron-LM's rule: with k increments over n samples, the batch grows by one increment
each n/k consumed samples. All steps of one size form a segment, so any step is found without counting.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field

from orchestrator.spec.training import Batch
from orchestrator.units import Amount


@dataclass(frozen=True, kw_only=True)
class StepBatch:
    """One step, counted from 1: global samples [first_sample, first_sample + sequences), in `accumulation` rounds."""

    step: int
    first_sample: int
    sequences: int
    accumulation: int

    @property
    def samples_after(self) -> int:
        return self.first_sample + self.sequences


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Steps [first_step, ...) of one batch size."""

    first_step: int
    first_sample: int
    sequences: int


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """Samples [first_sample, ...) are sequences of this length."""

    first_sample: int
    sequence_length: int


@dataclass(frozen=True, kw_only=True)
class BatchPlan:
    """The batches of a run on `data` ranks of `micro_batch` sequences.

    lengths: where sequences are not of `sequence_length` from the first sample on, all their lengths in order.
    """

    segments: tuple[Segment, ...]
    sequence_length: int
    data: int
    micro_batch: int
    lengths: tuple[Lengths, ...] = ()
    _first_steps: tuple[int, ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_first_steps", tuple(segment.first_step for segment in self.segments))

    def at(self, step: int) -> StepBatch:
        """The batch of a step, counted from 1."""
        segment = self.segments[bisect.bisect_right(self._first_steps, step) - 1]
        return StepBatch(
            step=step,
            first_sample=segment.first_sample + (step - segment.first_step) * segment.sequences,
            sequences=segment.sequences,
            accumulation=segment.sequences // (self.data * self.micro_batch),
        )

    def step_of(self, sample: int) -> int:
        """The step that takes this sample."""
        firsts = [segment.first_sample for segment in self.segments]
        segment = self.segments[bisect.bisect_right(firsts, sample) - 1]
        return segment.first_step + (sample - segment.first_sample) // segment.sequences

    def steps_for(self, amount: Amount) -> int:
        """The number of steps after which at least `amount` has been consumed."""
        if amount.unit == "steps":
            return amount.value
        samples = self.samples_for(amount.value) if amount.unit == "tokens" else amount.value
        if samples <= 0:
            return 0
        firsts = [segment.first_sample for segment in self.segments]
        segment = self.segments[max(0, bisect.bisect_left(firsts, samples) - 1)]
        return segment.first_step - 1 + _ceil_divide(samples - segment.first_sample, segment.sequences)

    def samples_after(self, step: int) -> int:
        """Samples consumed after `step` steps."""
        return self.at(step).samples_after if step else 0

    def steps_by_size(self, steps: int) -> dict[int, int]:
        """How many of the first `steps` steps take each number of sequences: ramp-ups make hundreds of segments at most."""
        ends = [*(first - 1 for first in self._first_steps[1:]), steps]
        counts: dict[int, int] = {}
        for segment, end in zip(self.segments, ends, strict=True):
            taken = min(end, steps) - segment.first_step + 1
            if taken > 0:
                counts[segment.sequences] = counts.get(segment.sequences, 0) + taken
        return counts

    def tokens_after(self, step: int) -> int:
        """Tokens consumed after `step` steps."""
        return self.tokens_before(self.samples_after(step))

    def length_of(self, sample: int) -> int:
        """Tokens of this sample."""
        return next(each.sequence_length for each in reversed(self._lengths) if each.first_sample <= sample)

    def tokens_before(self, sample: int) -> int:
        """Tokens of all samples before this one."""
        ends = [*(each.first_sample for each in self._lengths[1:]), sample]
        return sum(
            max(0, min(end, sample) - each.first_sample) * each.sequence_length
            for each, end in zip(self._lengths, ends, strict=True)
        )

    def samples_for(self, tokens: int) -> int:
        """The number of samples that hold at least so many tokens."""
        ends: list[int | None] = [*(each.first_sample for each in self._lengths[1:]), None]
        for each, end in zip(self._lengths, ends, strict=True):
            samples = each.first_sample + _ceil_divide(tokens, each.sequence_length)
            if end is None or samples <= end:
                break
            tokens -= (end - each.first_sample) * each.sequence_length
        return samples

    @property
    def _lengths(self) -> tuple[Lengths, ...]:
        return self.lengths or (Lengths(first_sample=0, sequence_length=self.sequence_length),)


def segments_of(batch: Batch) -> tuple[Segment, ...]:
    """The segments of a page's batch."""
    if batch.ramp_up is None or batch.ramp_up.start == batch.sequences:
        return (Segment(first_step=1, first_sample=0, sequences=batch.sequences),)
    ramp = batch.ramp_up
    increments = (batch.sequences - ramp.start) // ramp.step
    segments: list[Segment] = []
    step, sample, level = 1, 0, 0
    while level < increments:
        # Whole numbers throughout: the same test in floats is one step early or late at some boundaries.
        level = min(sample * increments // ramp.samples, increments)
        sequences = ramp.start + level * ramp.step
        segments.append(Segment(first_step=step, first_sample=sample, sequences=sequences))
        boundary = _ceil_divide((level + 1) * ramp.samples, increments)
        steps = _ceil_divide(boundary - sample, sequences)
        step, sample = step + steps, sample + steps * sequences
    return tuple(segments)


def _ceil_divide(number: int, by: int) -> int:
    return -(-number // by)
