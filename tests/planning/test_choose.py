"""What `auto` becomes where a model is split."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.planning import Plan, make_plan
from tests.planning.models import LLAMA, MIXTRAL, SMALL, gpus, page


def plan(said: dict[str, Any], *, model: dict[str, Any] = SMALL, nodes: int = 2, length: int = 2048, **training: Any) -> Plan:
    return make_plan(page(model, said, length=length, **training), gpus(nodes))


@pytest.mark.parametrize("axis", ["tensor", "pipeline", "context"])
def test_an_axis_that_deepspeed_lacks_chooses_megatron(axis: str) -> None:
    assert plan({axis: 2}).engine == "megatron"
    assert plan({axis: 1}).engine == "deepspeed"


def test_data_is_the_rest_of_the_devices() -> None:
    made = plan({"tensor": 2, "pipeline": 2, "context": 2})
    assert (made.data, made.world_size) == (2, 16)


def test_the_optimizer_is_distributed_where_there_are_replicas_or_context_ranks() -> None:
    assert plan({"tensor": 8}).zero_stage == 1
    assert plan({"tensor": 8, "data": 1}).zero_stage == 0
    assert plan({"tensor": 4, "context": 2, "data": 1}).zero_stage == 1
    assert plan({"tensor": 8, "zero": 0}).zero_stage == 0


def test_the_sequence_is_shared_out_where_tensor_divides_it() -> None:
    assert plan({"tensor": 4}).layout.sequence_parallel
    assert not plan({"tensor": 4}, length=2046).layout.sequence_parallel
    assert not plan({"tensor": 4, "sequence_parallel": False}).layout.sequence_parallel
    assert not plan({"pipeline": 4}).layout.sequence_parallel


def test_data_leaves_whole_groups_of_micro_batches_to_virtual_stages() -> None:
    """48 sequences on 16 devices with pipeline 4: data 4 leaves 12 micro-batches, a multiple of 4."""
    made = plan({"pipeline": 4, "virtual": 2}, batch={"sequences": 48})
    assert (made.data, made.batch.at(1).accumulation % 4) == (4, 0)


def test_data_can_be_dealt_to_experts() -> None:
    """24 sequences would allow 12 replicas; 8 experts on 8 ranks each need a multiple of 8."""
    assert plan({"expert": 8}, model=MIXTRAL | {"layers": 2}, batch={"sequences": 24}).data == 8


def test_a_micro_batch_leaves_the_pipeline_enough_of_them() -> None:
    made = plan({"tensor": 2, "pipeline": 4}, batch={"sequences": 64})
    assert made.batch.at(1).accumulation == 32
    assert any("bubble 9.4% of compute: (4 - 1) / (32 micro-batches)" in reason for reason in made.reasons)
    small = plan({"tensor": 2, "pipeline": 4}, batch={"sequences": 8})
    assert small.micro_batch == 1
    assert "micro-batch 1: the smallest, for the smallest bubble" in small.reasons


def test_context_groups_across_nodes_are_told() -> None:
    made = plan({"tensor": 8, "pipeline": 2, "context": 2, "recompute": "full"}, model=LLAMA, nodes=16)
    assert any("context groups (tensor x context = 16 ranks) cross nodes of 8" in reason for reason in made.reasons)
