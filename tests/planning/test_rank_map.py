"""Which rank stands where, on paper and on the hosts that a gang was given."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from orchestrator.errors import PlanError
from orchestrator.planning import Plan, make_plan
from orchestrator.planning.plan import largest_gang
from orchestrator.planning.rank_map import node_lines
from orchestrator.planning.render import render
from orchestrator.planning.render.stages import layers_of
from tests.planning.models import BLOOM, BLOOM_BATCH, LLAMA, MIXTRAL, SMALL, gpus, page
from tests.plans import tiny_plan

BLOOM_LAYOUT = {"engine": "megatron", "data": 8, "tensor": 4, "pipeline": 12, "micro_batch": 2, "recompute": "full"}


def plan(model: dict[str, Any], said: dict[str, Any], *, nodes: int = 1, count: int = 8, **training: Any) -> Plan:
    return make_plan(page(model, said, **training), gpus(nodes, count))


def bloom() -> Plan:
    return plan(BLOOM, BLOOM_LAYOUT, nodes=48, batch=BLOOM_BATCH)


class TestMap:
    def test_few_ranks_are_drawn_node_by_node(self) -> None:
        """Tensor varies fastest, then data, then pipeline."""
        assert node_lines(plan(SMALL, {"tensor": 2, "pipeline": 2, "data": 2}, nodes=2, count=4)) == [
            "node 0: p0 d0 t0 | p0 d0 t1 | p0 d1 t0 | p0 d1 t1",
            "node 1: p1 d0 t0 | p1 d0 t1 | p1 d1 t0 | p1 d1 t1",
        ]

    def test_of_many_is_told_how_groups_lie(self) -> None:
        assert node_lines(bloom()) == ["tensor groups of 4 inside a node; data groups of 8 across nodes"]

    def test_layers_are_told_with_what_stands_at_the_ends(self) -> None:
        assert [layers_of(chunks) for chunks in bloom().stages][::11] == ["0-4 + embedding", "65-69 + head"]

    def test_virtual_chunks_are_told_in_order(self) -> None:
        assert layers_of(plan(SMALL, {"pipeline": 4, "virtual": 2}).stages[0]) == "0, 4 + embedding"

    def test_experts_are_marked(self) -> None:
        told = node_lines(plan(MIXTRAL | {"layers": 2}, {"expert": 2, "data": 4}, count=4))
        assert told == ["node 0: p0 d0 t0 e0 | p0 d1 t0 e1 | p0 d2 t0 e0 | p0 d3 t0 e1"]

    def test_plan_json_holds_every_rank_and_the_layers_of_every_stage(self) -> None:
        told = json.loads(json.dumps(bloom().as_dict()))
        assert told["rank_map"]["ranks"][33] == "p1 d0 t1"
        assert (told["rank_map"]["per_node"], len(told["rank_map"]["ranks"])) == (8, 384)
        assert told["stages"][11]["chunks"] == [{"first": 65, "last": 70, "embedding": False, "head": True}]
        assert max(stage["memory"]["total"] for stage in told["stages"]) == told["memory"]["total"]

    def test_two_thousand_ranks_take_no_time(self) -> None:
        started = time.process_time()
        made = plan(LLAMA, {"tensor": 8, "pipeline": 2}, nodes=256, batch={"sequences": 2048})
        json.dumps(made.as_dict())
        render(made, "")
        assert time.process_time() - started < 0.5

    def test_whole_models_on_every_rank_need_no_map(self) -> None:
        assert "\n  map" not in render(tiny_plan(), "")

    def test_the_screen_shows_the_axes_in_use_and_a_bar_per_stage(self) -> None:
        told = render(plan(MIXTRAL | {"layers": 8}, {"expert": 4, "pipeline": 4, "virtual": 2, "tensor": 2}, nodes=4), "")
        assert "virtual 2, expert 4, expert_tensor 2, sequence parallel" in " ".join(told.split())
        assert sum("|" in line and "GiB" in line for line in told.splitlines()) == 4
        assert "\n  bubble " in told


class TestPlan:
    def test_a_rank_knows_its_replica_and_whether_it_feeds(self) -> None:
        made = plan(SMALL, {"tensor": 2, "pipeline": 2, "data": 2})
        assert [made.data_rank(rank) for rank in range(8)] == [0, 0, 1, 1, 0, 0, 1, 1]
        assert [rank for rank in range(8) if made.feeds(rank)] == [0, 2]
        assert (made.tensor, made.pipeline, made.context, made.data) == (2, 2, 1, 2)

    def test_on_fewer_ranks_data_shrinks_and_the_rest_stays(self) -> None:
        spec = page(SMALL, {"tensor": 2, "pipeline": 2})
        made = make_plan(spec, gpus(2), world_size=8)
        assert (made.data, made.tensor, made.pipeline) == (2, 2, 2)
        with pytest.raises(PlanError, match=r"the gang has 7 ranks .* = 4; legal gangs are multiples of 4"):
            make_plan(spec, gpus(2), world_size=7)

    @pytest.mark.parametrize(("left", "gang"), [(16, 16), (15, 8), (7, 4)])
    def test_the_largest_gang_on_what_is_left(self, left: int, gang: int) -> None:
        assert largest_gang(page(SMALL, {"tensor": 2, "pipeline": 2}), gpus(2), left) == gang

    def test_no_gang_is_smaller_than_one_replica(self) -> None:
        with pytest.raises(PlanError):
            largest_gang(page(SMALL, {"tensor": 2, "pipeline": 2}), gpus(2), 3)
