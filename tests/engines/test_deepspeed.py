"""What only the DeepSpeed engine can get wrong: its process, its memory, its output, its bad steps."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.parity import Case
from tests.distributed import Gang, run_distributed

SMALL = 5 * 48  # the norms: ZeRO-3 keeps them whole on every rank


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
