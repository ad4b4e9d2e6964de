"""Why a layout was not chosen, in the words of what takes longer."""

from __future__ import annotations

import json

import pytest

from orchestrator.planning import make_plan
from orchestrator.planning.layout import Layout
from orchestrator.planning.memory import Memory
from orchestrator.planning.search import explained
from orchestrator.planning.timing import StepTime
from tests.planning.models import SMALL, gpus, page
from tests.planning.search.cases import WIDE, batch

GIB = 2**30
LAYOUT = Layout(engine="megatron", data=1, tensor=1, pipeline=1, micro_batch=1, zero=0, offload="none", recompute="none")


def memory(weights: int) -> Memory:
    return Memory(weights=weights * GIB, gradients=0, optimizer=0, activations=0, logits=0, buffers=0, framework=0, host=0)


@pytest.mark.parametrize(
    ("step", "weights", "says"),
    [
        (StepTime(products=8.0, bubble=2.5), 10, "5.0% slower: bubble 2.50 s instead of 2.00 s"),
        (StepTime(products=8.0, bubble=1.0, tensor=1.5), 10, "5.0% slower: tensor 1.50 s instead of 0 ms"),
        (StepTime(products=8.0, bubble=2.0), 60, "as fast, and less plain; 60.0 GiB of 80.0 GiB, 50.0 GiB more"),
        (StepTime(products=8.0, bubble=2.0), 10, "as fast, and less plain"),
        (StepTime(products=8.0, bubble=2.005), 60, "as fast within 0.1%; 60.0 GiB of 80.0 GiB, 50.0 GiB more"),
    ],
)
def test_a_reason_names_the_part_that_costs_most(step: StepTime, weights: int, says: str) -> None:
    best = StepTime(products=8.0, bubble=2.0)
    first, second = explained([(LAYOUT, best, memory(10)), (LAYOUT, step, memory(weights))], 80 * GIB)
    assert first.reason == "the shortest step, 10s: products 80%, bubble 20%"
    assert second.reason == says


def test_a_plan_carries_five_and_how_far_the_search_looked() -> None:
    plan = make_plan(page(WIDE, "auto", **batch(16)), gpus(1))
    told = json.loads(json.dumps(plan.as_dict()))
    assert told["candidates"][0]["layout"] == told["layout"]
    assert len(told["candidates"]) == 5
    times = [candidate["step"]["total"] for candidate in told["candidates"]]
    assert times == sorted(times)
    assert told["searched"]["legal"] > told["searched"]["estimated"] >= told["searched"]["fitted"] >= 5
    assert any(reason.startswith(f"searched: {plan.searched.legal:,} legal layouts") for reason in plan.reasons if plan.searched)


def test_a_layout_that_is_said_has_no_rivals() -> None:
    plan = make_plan(page(SMALL, {"tensor": 2}), gpus(1))
    assert (plan.candidates, plan.searched) == ((), None)
    assert plan.as_dict()["candidates"] == []
