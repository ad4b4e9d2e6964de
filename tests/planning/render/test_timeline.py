"""The pipeline's schedule: the bubbles of Narayanan et al. 2021, and no operation before what it needs."""

from __future__ import annotations

import pytest

from orchestrator.planning.render.timeline import Operation, simulate, timeline_of
from tests.planning.render.plans import shipped


def even(stages: int, chunks: int, micro_batches: int) -> tuple[Operation, ...]:
    """Forward 1, backward 2, for a stage's whole share of the model."""
    return simulate([[1 / chunks] * chunks] * stages, [[2 / chunks] * chunks] * stages, micro_batches)


def drawn(operations: tuple[Operation, ...], stages: int) -> list[str]:
    """A column per unit of time: forward passes as digits, backward passes as letters."""
    end = round(max(operation.end for operation in operations))
    rows = [["."] * end for _ in range(stages)]
    for operation in operations:
        sign = (str if operation.kind == "forward" else lambda number: chr(ord("a") + number))(operation.micro_batch)
        rows[operation.stage][round(operation.start) : round(operation.end)] = [sign] * round(operation.end - operation.start)
    return ["".join(row) for row in rows]


def test_one_forward_one_backward_is_a_staircase() -> None:
    """Figure 4 there, with 3 stages and 4 micro-batches; a backward pass (a letter) takes twice as long."""
    assert drawn(even(3, 1, 4), 3) == [
        "012....aa3bb.cc.dd",
        ".01..aa2bb3cc.dd..",
        "..0aa1bb2cc3dd....",
    ]


@pytest.mark.parametrize(("stages", "chunks", "micro_batches"), [(1, 1, 3), (2, 1, 4), (4, 1, 4), (4, 1, 32), (4, 2, 8), (8, 3, 16)])
def test_the_bubble_is_that_of_the_paper(stages: int, chunks: int, micro_batches: int) -> None:
    """Section 2.2: idle over ideal time is (p - 1) / m, and with v chunks (p - 1) / (v m)."""
    end = max(operation.end for operation in even(stages, chunks, micro_batches))
    ideal = 3 * micro_batches
    assert end / ideal - 1 == pytest.approx((stages - 1) / (chunks * micro_batches))


@pytest.mark.parametrize(("stages", "chunks", "micro_batches"), [(4, 1, 7), (4, 2, 8), (3, 2, 9)])
def test_every_pass_comes_once_and_after_what_it_needs(stages: int, chunks: int, micro_batches: int) -> None:
    operations = even(stages, chunks, micro_batches)
    ends = {(o.kind, o.micro_batch, o.chunk * stages + o.stage): o.end for o in operations}
    assert len(ends) == len(operations) == 2 * stages * chunks * micro_batches
    for operation in operations:
        place = operation.chunk * stages + operation.stage
        before = ("forward", place - 1) if operation.kind == "forward" else ("backward", place + 1)
        needed = ends.get((before[0], operation.micro_batch, before[1]), 0.0)
        if operation.kind == "backward" and place == stages * chunks - 1:
            needed = ends["forward", operation.micro_batch, place]
        assert operation.start >= needed - 1e-9


def test_stage_p_of_four_holds_four_less_p_micro_batches() -> None:
    """What memory counts (memory/in_flight.py): 1F1B keeps P - p in flight."""
    for stage in range(4):
        held = most = 0
        for operation in (o for o in even(4, 1, 9) if o.stage == stage):
            held += 1 if operation.kind == "forward" else -1
            most = max(most, held)
        assert most == 4 - stage


def test_a_plans_schedule_takes_its_computing_time_and_no_less() -> None:
    plan = shipped("bloom")
    found = timeline_of(plan)
    step = plan.time.step
    computing = step.products + step.attention + step.elementwise + step.recomputed + step.launches + step.tensor + step.context + step.expert
    assert computing < found.end <= computing + 1.2 * step.bubble
    assert (found.stages, found.micro_batches) == (12, 128)


def test_recomputation_lengthens_backward_passes_alone() -> None:
    """BLOOM recomputes whole layers: a backward pass takes three times a forward pass."""
    first = {o.kind: o.end - o.start for o in timeline_of(shipped("bloom")).operations if o.stage == 3 and o.micro_batch == 0}
    assert first["backward"] == pytest.approx(3 * first["forward"])
