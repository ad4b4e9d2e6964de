"""From a page and a cluster to a complete plan: what `auto` becomes, and that no plan breaks a rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.architecture.families.llama import Llama
from orchestrator.errors import PageError, PlanError
from orchestrator.planning import Plan, make_plan
from orchestrator.planning.capabilities import CAPABILITIES
from orchestrator.spec import ClusterSpec, RunSpec, load_cluster, load_run
from orchestrator.units import parse_amount
from tests.plans import TINY, tiny_plan

ROOT = Path(__file__).resolve().parents[2]


def cluster(*, nodes: int = 1, **node: Any) -> ClusterSpec:
    page = {"nodes": nodes, "node": {"accelerator": "A100-80GB", "count": 8, **node}, "network": {"bandwidth": "200GB"}}
    return ClusterSpec.model_validate(page)


def run(**sections: dict[str, Any]) -> RunSpec[Any]:
    """TINY with some keys replaced; its layout is left to the planner."""
    base = {**TINY, "parallelism": {}}
    page = {name: {**base.get(name, {}), **sections.get(name, {})} for name in {**base, **sections}}
    return RunSpec[Llama].model_validate(page)


def shipped(name: str, hardware: str, *overrides: str) -> Plan:
    loaded = load_run(ROOT / f"model_specs/llama/{name}.yaml", overrides)
    return make_plan(loaded.spec, load_cluster(ROOT / f"cluster/{hardware}.yaml").spec)


class TestWhatShips:
    @pytest.mark.parametrize("name", ["7b", "13b"])
    def test_llama_trains_on_one_h100_node(self, name: str) -> None:
        plan = shipped(name, "one-node-h100")
        assert plan.memory.total <= plan.device_spec.memory
        assert plan.world_size == 8
        assert plan.layout == plan.candidates[0].layout

    @pytest.mark.parametrize(("name", "hours"), [("7b", 82_432), ("33b", 530_432), ("65b", 1_022_362)])
    def test_llama_takes_days_on_its_cluster(self, name: str, hours: int) -> None:
        """arXiv:2302.13971, table 15: GPU hours on A100-80GB. They hold restarts and an implementation of its own, not a layout of ours."""
        plan = shipped(name, "llama-2048xa100")
        assert 0.6 * hours <= plan.time.total_s / 3600 * 2048 <= 1.4 * hours
        assert (plan.world_size, plan.nodes, plan.total_steps) == (2048, 256, -(-plan.spec.training.tokens // (2048 * 2048)))

    def test_65b_does_not_fit_on_one_node_and_says_what_would(self) -> None:
        with pytest.raises(PlanError, match=r"(?s)does not fit.*8 x H100.*it fits with parallelism: \{zero: 3,"):
            shipped("65b", "one-node-h100", "parallelism=auto")


class TestAuto:
    def test_all_devices_that_divide_the_batch_take_part(self) -> None:
        assert make_plan(run(training={"batch": {"sequences": 24}}), cluster(count=16)).data == 12
        assert make_plan(run(training={"batch": {"sequences": 7}}), cluster(count=8)).data == 7

    def test_idle_devices_are_told(self) -> None:
        plan = make_plan(run(training={"batch": {"sequences": 6}}), cluster(count=8))
        assert "2 of 8 devices stay idle: batch sizes have the common divisor 6" in plan.reasons

    def test_the_ramp_up_counts_too(self) -> None:
        ramp = {"sequences": 32, "ramp_up": {"start": 12, "step": 4, "samples": 1000}}
        assert make_plan(run(training={"batch": ramp}), cluster(count=8)).data == 4

    def test_the_lowest_zero_stage_that_fits(self) -> None:
        stages = {size: make_plan(big(layers), cluster()).zero_stage for size, layers in (("small", 8), ("large", 80))}
        assert stages["small"] == 1
        assert stages["large"] > stages["small"]

    def test_one_rank_needs_no_zero(self) -> None:
        plan = make_plan(run(), cluster(count=1))
        assert (plan.zero_stage, plan.data) == (0, 1)
        assert "ZeRO 0: one rank has nothing to partition" in plan.reasons

    def test_offload_on_one_rank_takes_the_stage_it_needs(self) -> None:
        plan = make_plan(run(parallelism={"offload": "optimizer"}), cluster(count=1))
        assert plan.zero_stage == 1
        assert not any("nothing to partition" in reason for reason in plan.reasons)

    def test_what_is_said_stays(self) -> None:
        said = {"engine": "deepspeed", "data": 2, "micro_batch": 2, "zero": 2, "recompute": "full"}
        plan = make_plan(run(parallelism=said), cluster())
        assert (plan.data, plan.micro_batch, plan.zero_stage, plan.recompute) == (2, 2, 2, "full")

    def test_adafactor_is_never_partitioned(self) -> None:
        optimizer = {"name": "adafactor", "lr": 1e-3}
        page = TINY | {"training": TINY["training"] | {"optimizer": optimizer}, "parallelism": {}}
        assert make_plan(RunSpec[Llama].model_validate(page), cluster()).zero_stage == 0


def big(layers: int) -> RunSpec[Any]:
    model = {"layers": layers, "hidden_size": 4096, "heads": 32, "kv_heads": 32, "ffn_size": 11008, "vocab_size": 32_000}
    return run(model=model, training={"precision": "bf16", "batch": {"sequences": 64}})


class TestDevices:
    def test_an_accelerator_of_ones_own_needs_no_fp32_peak(self) -> None:
        """The error for an unknown accelerator says to give a bf16 peak alone; doing so ended in a KeyError."""
        own = cluster(accelerator="MyChip", memory="64GB", peak_tflops={"bf16": 400.0})
        plan = make_plan(run(training={"precision": "bf16"}), own)
        assert plan.peak_flops == 400e12
        with pytest.raises(PlanError, match="MyChip has no fp32; it supports bf16"):
            make_plan(run(), own)

    def test_a_cpu_that_does_not_tell_its_clock_still_plans(self) -> None:
        """On Arm, /proc/cpuinfo has no clock: the peak was 0 and the time estimate divided by it."""
        silent = ClusterSpec.model_validate({"nodes": 1, "node": {"accelerator": "cpu", "count": 2, "memory": "4GiB"}})
        assert make_plan(run(), silent).time.step_s > 0

    def test_a_page_may_correct_the_table(self) -> None:
        assert make_plan(run(), cluster(memory="60GB")).device_spec.memory == 60 * 10**9

    def test_nodes_without_a_network_are_told(self) -> None:
        joined = ClusterSpec.model_validate({"nodes": 2, "node": {"accelerator": "H100", "count": 4}})
        assert any("no `network`" in reason for reason in make_plan(run(), joined).reasons)

    def test_a_gang_inside_one_node_does_not_pay_for_the_network(self) -> None:
        slow = ClusterSpec.model_validate({"nodes": 4, "node": {"accelerator": "H100", "count": 8}, "network": {"bandwidth": "1MB"}})
        inside = make_plan(run(parallelism={"data": 8}), slow)
        assert inside.nodes == 1
        assert inside.time.step.gradients + inside.time.step.gathers < 1.0


@st.composite
def pages(draw: st.DrawFn) -> RunSpec[Any]:
    start, step, increments = draw(st.integers(1, 24)), draw(st.integers(1, 12)), draw(st.integers(0, 6))
    batch: dict[str, Any] = {"sequences": start + step * increments}
    if draw(st.booleans()):
        batch["ramp_up"] = {"start": start, "step": step, "samples": draw(st.integers(1, 2000))}
    layout = {
        "engine": draw(st.sampled_from(["auto", "reference", "deepspeed", "megatron"])),
        "data": draw(st.sampled_from(["auto", 1, 2, 3, 4, 8, 64])),
        "micro_batch": draw(st.sampled_from(["auto", 1, 2, 3, 8])),
        "zero": draw(st.sampled_from(["auto", 0, 1, 2, 3])),
        "offload": draw(st.sampled_from(["none", "optimizer", "parameters"])),
        "tensor": draw(st.sampled_from([1, 1, 1, 2])),
        "pipeline": draw(st.sampled_from([1, 1, 1, 2])),
        "context": draw(st.sampled_from([1, 1, 1, 2])),
        "recompute": draw(st.sampled_from(["none", "selective", "full"])),
    }
    optimizer = {"name": draw(st.sampled_from(["adamw", "adafactor"])), "lr": 1e-3}
    training = {name: value for name, value in TINY["training"].items() if name != "optimizer"}
    return RunSpec[Llama].model_validate(
        {**TINY, "training": {**training, "batch": batch, "optimizer": optimizer}, "parallelism": layout}
    )


@given(pages(), st.sampled_from([1, 2, 3, 4, 6, 8, 12]))
def test_a_plan_that_is_accepted_breaks_no_rule(spec: RunSpec[Any], devices: int) -> None:
    """Batch identity at every step of the ramp-up, and the engine's limits; else PlanError, and nothing else."""
    try:
        plan = make_plan(spec, cluster(count=devices))
    except PlanError as error:
        assert all(problem.fix and problem.path for problem in error.problems)  # noqa: PT017
        return
    able = CAPABILITIES[plan.engine]
    for segment in plan.batch.segments:
        taken = plan.batch.at(segment.first_step)
        assert taken.accumulation >= 1
        assert taken.accumulation * plan.micro_batch * plan.data == taken.sequences == segment.sequences
    assert plan.world_size == plan.data * plan.tensor * plan.pipeline * plan.context <= devices
    assert plan.zero_stage in able.zero_stages_of_optimizer[spec.training.optimizer.name]
    assert plan.offload in able.offload
    assert {"none": 0, "optimizer": 1, "parameters": 3}[plan.offload] <= plan.zero_stage
    assert plan.memory.total <= plan.device_spec.memory
    said = spec.parallelism
    for ours, theirs in ((said.data, plan.data), (said.micro_batch, plan.micro_batch), (said.zero, plan.zero_stage)):
        assert ours in (None, theirs)


class TestThePlanItself:
    def test_it_is_json_and_says_what_the_estimates_assume(self) -> None:
        told = json.loads(json.dumps(tiny_plan().as_dict()))
        assert set(told["time"]) >= {"step", "step_s", "tokens_per_s", "mfu", "total_s", "cost"}
        assert sum(told["time"]["step"].values()) == pytest.approx(told["time"]["step_s"])
        assert told["tokens"] == 20 * 8 * 32
        assert told["batch"] == [{"first_step": 1, "first_sample": 0, "sequences": 8, "accumulation": 4}]

    def test_tokens_are_rounded_up_to_whole_steps(self) -> None:
        page = {**TINY, "training": {name: value for name, value in TINY["training"].items() if name != "steps"} | {"tokens": 1000}}
        plan = make_plan(RunSpec[Llama].model_validate(page), cluster())
        assert plan.total_steps == 4  # 8 x 32 tokens a step

    @pytest.mark.parametrize(("said", "steps"), [("50 steps", 50), ("2560 tokens", 10), ("80 samples", 10), ("1 tokens", 1)])
    def test_every_is_counted_in_steps(self, said: str, steps: int) -> None:
        assert tiny_plan().every(parse_amount(said)) == steps

    def test_a_gang_of_the_wrong_size_is_refused(self) -> None:
        with pytest.raises(PlanError, match="the gang has 2 ranks and the layout needs data 1"):
            tiny_plan(world_size=2)

    def test_a_page_that_contradicts_itself_is_the_pages_fault(self) -> None:
        with pytest.raises(PageError, match=r"published\.parameters: says 7"):
            tiny_plan(published={"parameters": 7})

    def test_all_broken_rules_are_told_at_once(self) -> None:
        with pytest.raises(PlanError) as caught:
            make_plan(run(parallelism={"engine": "deepspeed", "tensor": 2, "zero": 1, "offload": "parameters"}), cluster())
        assert [problem.path for problem in caught.value.problems] == ["parallelism.tensor", "parallelism.offload"]
