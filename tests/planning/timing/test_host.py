"""A step on CPU cores: launches are paid, nothing overlaps, and workers beyond the cores take turns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.planning.calibration import CPU, HostCost
from orchestrator.planning.hardware import Hardware, hardware_of
from orchestrator.planning.layout import Layout
from orchestrator.planning.timing import step_time
from orchestrator.planning.work import Work, work_of
from orchestrator.spec import ClusterSpec, load_run

KNOWN = replace(CPU, matmul_efficiency=1.0, link_latency_s=0.0, turn_s=0.0)


def hardware(workers: int, **said: object) -> Hardware:
    """Two cores of 100 GFLOP/s, told as ground() tells them: a device is a worker's share."""
    share = 0.1 * min(1.0, 2 / workers)
    node = {"accelerator": "cpu", "count": workers, "cores": 2, "host_memory": "16GB", "peak_tflops": {"fp32": share}}
    made = hardware_of(ClusterSpec.model_validate({"nodes": 1, "node": node}))
    return replace(made, calibration=replace(KNOWN, **said))


ALONE = Layout(engine="deepspeed", data=1, tensor=1, pipeline=1, micro_batch=1, zero=0, offload="none", recompute="none")


def work(engine: str = "deepspeed", family: str = "llama", **degrees: int) -> Work:
    spec = load_run(f"model_specs/{family}/nano.yaml").spec
    layout = replace(ALONE, engine=engine, expert_tensor=1, **degrees)  # type: ignore[arg-type]
    return work_of(spec, spec.model.architecture(), layout)


def test_products_take_what_the_cores_can_do_however_they_are_shared() -> None:
    """19 GFLOP of a LLaMA nano's step on 2 x 100 GFLOP/s."""
    times = [step_time(work(data=workers), hardware(workers)).products for workers in (1, 2, 4)]
    assert times == pytest.approx([times[0]] * 3, rel=0.02)
    assert 0.08 < times[0] < 0.11


def test_python_is_paid_for_every_block_of_every_micro_batch() -> None:
    cost = HostCost(step_s=1.0, pass_s=0.1, block_s=0.01)
    measured = hardware(1, host={"deepspeed-0": cost})
    one, four = (step_time(work(micro_batch=size), measured) for size in (4, 1))
    assert one.launches == pytest.approx(0.1 + 3 * 0.01)
    assert four.launches == pytest.approx(4 * (0.1 + 3 * 0.01))
    assert one.other == pytest.approx(1.0)


def test_stages_of_zero_have_costs_of_their_own() -> None:
    measured = hardware(2, host={"deepspeed-3": HostCost(step_s=0, pass_s=0, block_s=0.5)})
    assert step_time(work(data=2, zero=3), measured).launches > 2
    assert step_time(work(data=2, zero=2), measured).launches < 0.1, "operations are counted where nothing was measured"


def test_waiting_for_a_turn_is_for_workers_beyond_the_cores() -> None:
    """Three blocks of ten exchanges, each a turn for each of four ranks; on cores of their own ranks wait for none."""
    for ranks, waits in ((2, 0.0), (4, 3 * 10 * 4 * 0.01)):
        split = work("megatron", micro_batch=4, tensor=ranks, sequence_parallel=True)
        lazy, prompt = (step_time(split, hardware(ranks, turn_s=turn)).tensor for turn in (0.01, 0.0))
        assert lazy - prompt == pytest.approx(waits)


def test_a_context_group_exchanges_heads() -> None:
    """Three blocks, four tensors, there and their gradients back; a turn for each of four ranks."""
    split = work("megatron", micro_batch=4, context=4)
    lazy, prompt = (step_time(split, hardware(4, turn_s=turn)).context for turn in (0.01, 0.0))
    assert prompt > 0
    assert lazy - prompt == pytest.approx(3 * 8 * 4 * 0.01)


def test_zero_2_reduces_after_every_micro_batch() -> None:
    once, each = (step_time(work(data=2, zero=stage), hardware(2)).gradients for stage in (1, 2))
    assert each == pytest.approx(2 * once)


def test_a_pipeline_idles_only_where_its_stages_have_cores_to_idle_on() -> None:
    """Two stages on two cores: the bubble is real. Four ranks on two cores: another rank works in it."""
    two = step_time(work("megatron", data=1, pipeline=2), hardware(2))
    four = step_time(work("megatron", data=2, pipeline=2), hardware(4))
    assert two.bubble > 0.2 * two.products
    assert four.total < 1.3 * two.total


def test_parts_add_up_and_none_is_negative() -> None:
    time = step_time(work("megatron", "mixtral", data=2, expert=2), hardware(2))
    assert time.expert > 0
    assert min(vars(time).values()) >= 0
    assert time.total == pytest.approx(sum(vars(time).values()))
