"""A gang whose tensor- or expert-parallel groups lie across nodes does not start, whoever placed it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import PlacementError
from orchestrator.planning import plan as planning
from orchestrator.planning.layout import Layout
from orchestrator.training import worker
from orchestrator.training.hosts import require_groups_on_one_node
from tests.distributed import run_distributed
from tests.training.runs import Site, events

PAIRS = Layout(engine="megatron", data=2, tensor=2, pipeline=1, micro_batch=1, zero=0, offload="none", recompute="none")


def test_groups_on_one_node_each_are_good() -> None:
    require_groups_on_one_node(PAIRS, ["a", "a", "b", "b"])
    require_groups_on_one_node(PAIRS, ["a"] * 4)


def test_a_group_across_nodes_is_named_with_the_numbers() -> None:
    with pytest.raises(PlacementError) as caught:
        require_groups_on_one_node(PAIRS, ["a", "a", "a", "b"])
    assert str(caught.value) == (
        "1 of 2 tensor-parallel groups, of 2 ranks each, lie across nodes; the first has rank 2 on a, rank 3 on b\n"
        "  exists   ranks on each node: 3 on a, 1 on b\n"
        "  fix      start a multiple of 2 ranks on each node, or write a degree that divides 1"
    )


def test_expert_groups_count_too() -> None:
    experts = replace(PAIRS, tensor=1, data=4, expert=4, expert_tensor=1)
    with pytest.raises(PlacementError, match="1 of 1 expert-parallel groups, of 4 ranks each"):
        require_groups_on_one_node(experts, ["a", "a", "b", "b"])


def test_data_parallel_ranks_may_lie_anywhere() -> None:
    require_groups_on_one_node(replace(PAIRS, tensor=1, data=4), ["a", "b", "c", "d"])


def train_on_two_nodes(run_dir: str) -> dict[str, Any]:
    """A worker whose plan has tensor 2, each rank on a node of its own."""
    import torch.distributed as dist

    make_plan = worker.make_plan

    def with_tensor(*arguments: Any, **named: Any) -> planning.Plan:
        plan = make_plan(*arguments, **named)
        return replace(plan, layout=replace(plan.layout, data=1, tensor=2))

    worker.make_plan = with_tensor
    try:
        return worker.train(run_dir, node=f"node-{dist.get_rank()}")
    finally:
        worker.make_plan = make_plan


def test_all_ranks_end_with_the_same_answer_before_anything_is_built(site: Site, tmp_path: Path) -> None:
    run = site.start("torn", "parallelism.data=2 parallelism.engine=deepspeed")
    first, second = run_distributed(train_on_two_nodes, 2, str(run.path))
    assert first == second
    assert (first["outcome"], first["exit_code"]) == ("failed", 3)
    assert "1 of 1 tensor-parallel groups, of 2 ranks each, lie across nodes" in first["message"]
    assert events(run, "failed")[0]["cause"] == "PlacementError"
    assert not events(run, "placed")
