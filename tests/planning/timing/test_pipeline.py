"""Bubbles: (P - 1) / (V m) where stages are even, and what the slowest of uneven ones costs."""

from __future__ import annotations

import pytest

from orchestrator.planning.timing import bubble_fraction, step_time
from orchestrator.planning.timing.pipeline import bubble, sends
from tests.planning.timing.cases import gpt, gpus, layout, work


@pytest.mark.parametrize(("virtual", "fraction"), [(1, 7 / 64), (4, 7 / 256)])
def test_a_bubble_is_p_minus_1_over_v_m(virtual: int, fraction: float) -> None:
    """Narayanan et al. 2021, section 2.2."""
    assert bubble_fraction(layout(pipeline=8, virtual=virtual), 64) == pytest.approx(fraction)
    assert bubble([3.0] * 8, virtual) / (64 * 3.0) == pytest.approx(fraction)


def test_the_slowest_stage_waits_once_for_each_of_the_others() -> None:
    """                  stage 0  F . F . . B . B
    two micro-batches     stage 1    FFFF BBBB    stage 1 of 4 s, the others of 2 and 3
    """
    assert bubble([2.0, 4.0, 3.0], 1) == 5.0


def test_blooms_layout_loses_a_stage_to_few_micro_batches() -> None:
    """chronicles-prequel: a batch of 16 on 12 stages does 8 TFLOP/s where 2048 does 149."""
    model = gpt(72, 14336, 112, vocab=250_880)
    few, many = (
        step_time(work(model, size, tensor=4, pipeline=12, data=8, micro_batch=2, recompute="full"), gpus(nodes=48)).total / size
        for size in (16, 2048)
    )
    assert few > 8 * many


def test_seventy_layers_and_a_large_vocabulary_are_uneven() -> None:
    """BLOOM's head of 250,880 rows is as much work as a layer: the last stage of six layers with it is the slowest."""
    model = gpt(72, 14336, 112, vocab=250_880)
    one = work(model, 512, tensor=4, pipeline=12, data=8, micro_batch=2)
    assert one.stages[-1][0].layers < one.stages[5][0].layers


def test_sends_grow_with_virtual_chunks_and_vanish_without_a_pipeline() -> None:
    model = gpt(16, 4096, 32)
    once, twice = (sends(work(model, 64, pipeline=4, virtual=virtual), gpus()) for virtual in (1, 2))
    assert twice == pytest.approx(2 * once)
    assert sends(work(model, 64), gpus()) == 0
