"""A run whose sequences grow on the way (Li et al. 2022, arXiv:2108.06084): every step of one length, and one that ranks can share out.

An engine is given each step's tensors as they come, so a step of shorter sequences is a step like any other. What it cannot
do is mix lengths in a step, or share out among ranks a sequence that they do not divide.
"""

from __future__ import annotations

import math

from orchestrator.errors import Problem
from orchestrator.planning.batch import BatchPlan
from orchestrator.planning.layout import Layout

_PATH = "data.sequence_length"


def problems_of_lengths(batch: BatchPlan, layout: Layout) -> list[Problem]:
    """What is wrong with the lengths of a run on this layout."""
    found = [problem for each in batch.lengths if (problem := _shared_out(each.sequence_length, layout))]
    for each in batch.lengths[1:]:
        step = batch.step_of(each.first_sample)
        taken = batch.at(step)
        if taken.first_sample != each.first_sample:
            message = (
                f"sequences of {each.sequence_length:,} tokens begin with sample {each.first_sample:,}, inside step {step:,} (samples"
                f" {taken.first_sample:,} to {taken.samples_after - 1:,})"
            )
            fix = f"let the stage before end after {taken.first_sample:,} or {taken.samples_after:,} samples"
            found.append(Problem(path=_PATH, message=message, fix=fix))
    longest = max((each.sequence_length for each in batch.lengths), default=batch.sequence_length)
    if longest != batch.sequence_length:
        message = f"the longest sequences of the mixture's schedule have {longest:,} tokens, the run's {batch.sequence_length:,}"
        found.append(Problem(path=_PATH, message=message, fix=f"write sequence_length: {longest}"))
    return found


def _shared_out(length: int, layout: Layout) -> Problem | None:
    tensor = layout.tensor * layout.context if layout.sequence_parallel else 1
    among = math.lcm(tensor, 2 * layout.context if layout.context > 1 else 1)
    if length % among == 0:
        return None
    return Problem(
        path=_PATH,
        message=f"sequences of {length:,} tokens, a stage of the mixture's schedule, cannot be shared out: {among} must divide them"
        f" (tensor {layout.tensor}, context {layout.context})",
        fix=f"write {length // among * among or among} or {(length // among + 1) * among} in the schedule, or context: 1",
    )
