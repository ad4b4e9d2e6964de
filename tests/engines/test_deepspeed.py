"""What only the DeepSpeed engine can get wrong: its process, its memory, its output, its bad steps."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.parity import Case, micro_batches
from tests.distributed import Gang, run_distributed

SMALL = 5 * 48  # the norms: ZeRO-3 keeps them whole on every rank


def poisoned(case: Case) -> tuple[Any, bool, int, Any]:
    """One step with an infinite weight on the rank that holds it, and one after repairing it."""
    from torch import distributed

    from orchestrator.engines import make_engine
    from orchestrator.engines.base import Device

    plan = case.plan(4, {})
    engine = make_engine(case.engine)
    engine.build(plan, Device(kind="cpu"))
    batches = micro_batches(plan, engine.objective, 1, plan.data_rank(distributed.get_rank()))
    state = engine.state()
    norms = [box for box in state.boxes if box.key == "weights/model.norm.weight"]
    for box in norms:
        box.tensor.fill_(math.inf)
    engine.restore(state)
    before = [box.tensor.clone() for box in state.boxes]
    bad = engine.train_step(batches, lr=1e-3)
    unchanged = all(one.equal(box.tensor) for one, box in zip(before, engine.state().boxes, strict=True))
    count = engine.state().scalars["optimizer/step"]
    for box in norms:
        box.tensor.fill_(1.0)
    engine.restore(state)
    good = engine.train_step(batches, lr=1e-3)
    engine.close()
    return bad, unchanged, int(count), good


@pytest.mark.parametrize("zero", [0, 1, 2, 3])
def test_a_gradient_that_is_not_finite_changes_nothing_anywhere(zero: int) -> None:
    for bad, unchanged, count, good in run_distributed(poisoned, 2, Case(workers=2, zero=zero)):
        assert bad.skipped
        assert not math.isfinite(bad.grad_norm)
        assert unchanged
        assert count == 0
        assert not good.skipped
        assert math.isfinite(good.loss)


def elements_held(case: Case) -> int:
    """Elements of module parameters that this rank has in memory between steps."""
    from orchestrator.engines import make_engine
    from orchestrator.engines.base import Device

    engine = make_engine("deepspeed")
    engine.build(case.plan(1, {}), Device(kind="cpu"))
    held = sum(parameter.numel() for parameter in engine.module.parameters())
    engine.close()
    return held


def test_zero_3_holds_parts_of_parameters() -> None:
    whole = Case(workers=2, zero=2).plan(1, {}).architecture.parameters
    assert run_distributed(elements_held, 2, Case(workers=2, zero=2)) == [whole, whole]
    assert run_distributed(elements_held, 2, Case(workers=2, zero=3)) == [SMALL, SMALL]


ALONE = """
from orchestrator.engines import make_engine
from orchestrator.engines.base import Device
from benchmarks.parity import Case, micro_batches
for zero in (3, 1):
    plan = Case(zero=zero).plan(2, {"training": {"precision": "bf16"}})
    engine = make_engine("deepspeed")
    engine.build(plan, Device(kind="cpu"))
    engine.train_step(micro_batches(plan, engine.objective, 1, 0), lr=1e-3)
    engine.close()
from torch import distributed
assert not distributed.is_initialized()
"""


def test_alone_it_makes_its_own_process_group_and_leaves_cleanly_and_quietly() -> None:
    """ZeRO-3 on CPU used to abort at interpreter exit; deepspeed prints figures and warnings as it starts."""
    result = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_zero_3_can_be_the_first_engine_of_a_process() -> None:
    """It read its configuration before DeepSpeed knew of the process group, and so for a world of one rank."""
    gang = Gang(2)
    try:
        assert gang.run(elements_held, (Case(workers=2, zero=3),), timeout_s=120) == [SMALL, SMALL]
    finally:
        gang.stop()


def build_for_two(case: Case) -> str:
    from orchestrator.engines import make_engine
    from orchestrator.engines.base import Device
    from orchestrator.errors import RunError

    try:
        make_engine("deepspeed").build(case.plan(1, {}), Device(kind="cpu"))
    except RunError as error:
        return str(error)
    return "built"


def test_a_plan_for_another_world_is_refused() -> None:
    [message] = run_distributed(build_for_two, 1, Case(workers=2, zero=1))
    assert message.startswith("the plan has 2 ranks, the process group 1")


def train_with_interruptions(case: Case) -> tuple[list[float], float, list[int]]:
    """Steps with an evaluation and a greedy generation between them."""
    import torch
    from torch import distributed

    from orchestrator.engines import make_engine
    from orchestrator.engines.base import Device

    plan = case.plan(4, {})
    engine = make_engine(case.engine)
    engine.build(plan, Device(kind="cpu"))
    losses, rank = [], plan.data_rank(distributed.get_rank())
    for number in (1, 2, 3):
        batches = micro_batches(plan, engine.objective, number, rank)
        losses.append(engine.train_step(batches, lr=3e-3).loss)
        evaluation = engine.evaluate(micro_batches(plan, engine.objective, 4, rank))
        engine.module.eval()
        with torch.no_grad():
            logits = engine.module(input_ids=torch.tensor([[1, 2, 3]]), use_cache=False).logits
    engine.close()
    return losses, evaluation.loss, logits[0].argmax(dim=-1).tolist()


@pytest.mark.parametrize("zero", [1, 3])
def test_evaluation_and_generation_between_steps_leave_no_trace(zero: int) -> None:
    case = Case(workers=2, zero=zero, micro_batch=2)
    [expected] = run_distributed(train_with_interruptions, 1, Case(engine="reference", micro_batch=2))
    for losses, evaluation, text in run_distributed(train_with_interruptions, 2, case):
        assert losses == pytest.approx(expected[0], abs=1e-5)
        assert evaluation == pytest.approx(expected[1], abs=1e-5)
        assert text == expected[2]
