"""Bytes per rank and stage. Oracles: Megatron-LM's own rule of 18 bytes per parameter, or 6 + 12/data with its distributed
optimizer (`theoretical_memory_usage.py`); the staircase of 1F1B; and layouts that were trained, which must fit.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.architecture.stack import Architecture
from orchestrator.planning import Plan, make_plan
from orchestrator.planning.memory import Memory
from orchestrator.planning.memory.in_flight import in_flight
from orchestrator.spec import load_cluster, load_run
from tests.planning.memory.made import PLAIN, estimate
from tests.planning.models import BLOOM, BLOOM_BATCH, LLAMA, MIXTRAL, NEOX, Made, page

ROOT = Path(__file__).resolve().parents[3]

def model(sizes: dict[str, Any]) -> Architecture:
    return Made.model_validate(sizes).architecture()


def stages(sizes: dict[str, Any], **changes: Any) -> tuple[Memory, ...]:
    return estimate(model(sizes), **{"expert_tensor": changes.get("tensor", 1), **changes})


def states(memory: Memory) -> int:
    return memory.weights + memory.gradients + memory.optimizer


class TestStates:
    def test_eighteen_bytes_per_parameter(self) -> None:
        assert states(stages(LLAMA)[0]) == 18 * model(LLAMA).parameters

    def test_six_and_twelve_over_data_with_the_distributed_optimizer(self) -> None:
        told = states(stages(LLAMA, data=8, context=2, zero=1)[0])
        assert told == pytest.approx((6 + 12 / 16) * model(LLAMA).parameters, rel=1e-9)

    @pytest.mark.parametrize("cut", [{"tensor": 8}, {"pipeline": 8}, {"tensor": 4, "pipeline": 2}, {"pipeline": 4, "virtual": 2}])
    def test_stages_and_tensor_ranks_add_up_to_the_model(self, cut: dict[str, int]) -> None:
        told = sum(states(memory) for memory in stages(LLAMA, **cut)) * cut.get("tensor", 1)
        assert told == pytest.approx(18 * model(LLAMA).parameters, rel=1e-3)  # norms are on every tensor rank

    def test_a_tied_matrix_is_on_both_ends(self) -> None:
        first, *_, last = stages(BLOOM, tensor=4, pipeline=12)
        vocabulary = 18 * 250_880 * 14_336 // 4
        assert states(first) > vocabulary < states(last)
        whole = sum(states(memory) for memory in stages(BLOOM, tensor=4, pipeline=12)) * 4
        assert whole == pytest.approx(18 * model(BLOOM).parameters + 4 * vocabulary, rel=1e-3)

    def test_experts_are_divided_over_expert_and_expert_tensor_and_their_optimizer_over_the_rest(self) -> None:
        alone, spread = stages(MIXTRAL)[0], stages(MIXTRAL, data=8, expert=8, zero=1)[0]
        experts = 32 * 8 * 3 * 4096 * 14336
        assert alone.weights == 2 * model(MIXTRAL).parameters
        assert spread.weights == alone.weights - 2 * experts * 7 // 8
        dense = model(MIXTRAL).parameters - experts
        assert spread.optimizer == 12 * (dense // 8 + experts // 8)  # one rank alone holds each expert
        twice = stages(MIXTRAL, data=16, expert=8, zero=1)[0]
        assert twice.optimizer == pytest.approx(spread.optimizer / 2, rel=1e-9)


class TestActivations:
    def test_the_first_stage_holds_a_micro_batch_for_every_stage_behind_it(self) -> None:
        layout = replace(PLAIN, pipeline=4)
        assert [in_flight(layout, stage, 32) for stage in range(4)] == [4, 3, 2, 1]
        assert [in_flight(layout, stage, 2) for stage in range(4)] == [2, 2, 2, 1]

    def test_interleaving_holds_more(self) -> None:
        """Narayanan et al. 2021: chunks in flight on the first stage are 2 (P - 1) + (V - 1) P + 1, P V under plain 1F1B."""
        layout = replace(PLAIN, pipeline=4, virtual=2)
        assert [in_flight(layout, stage, 32) for stage in range(4)] == [11, 9, 7, 5]
        assert in_flight(layout, 0, 4) == 8

    def test_sequence_parallelism_divides_what_tensor_parallelism_leaves_whole(self) -> None:
        cut, shared = stages(LLAMA, tensor=8)[0], stages(LLAMA, tensor=8, sequence_parallel=True)[0]
        assert shared.activations < cut.activations / 2
        assert shared.activations == pytest.approx(stages(LLAMA)[0].activations / 8, rel=0.01)

    def test_ranks_that_share_experts_keep_whole_copies_of_their_tokens(self) -> None:
        """Two copies of 4096 for each of a token's two experts, in 32 blocks and 2 bytes, a quarter of them or all."""
        cut, whole = (stages(MIXTRAL, tensor=4, expert_tensor=shared)[0] for shared in (1, 4))
        assert whole.activations - cut.activations == 32 * 2048 * 2 * 2 * 4096 * 2 * 3 // 4

    def test_context_divides_activations_and_logits(self) -> None:
        whole, half = stages(LLAMA)[0], stages(LLAMA, context=2)[0]
        assert (half.activations, half.logits) == (whole.activations // 2, whole.logits // 2)

    def test_recomputation_keeps_one_input_per_layer(self) -> None:
        kept, recomputed = stages(LLAMA, pipeline=4)[0], stages(LLAMA, pipeline=4, recompute="full")[0]
        inputs = 2048 * 8192 * 2
        assert recomputed.activations < kept.activations / 10
        assert recomputed.activations > 4 * 20 * inputs
        assert stages(LLAMA, pipeline=4, recompute="selective")[0] == kept  # fused attention keeps no scores

    def test_logits_are_on_the_last_stage_only(self) -> None:
        assert [memory.logits > 0 for memory in stages(LLAMA, pipeline=4)] == [False, False, False, True]


def planned(sizes: dict[str, Any], layout: dict[str, Any], cluster: str, **training: Any) -> Plan:
    said = {"engine": "megatron", "zero": 1, "sequence_parallel": False, **layout}
    return make_plan(page(sizes, said, **training), load_cluster(ROOT / f"cluster/{cluster}.yaml").spec)


class TestPublished:
    """Layouts that were trained fit, use every device, and have the published bubble's order."""

    def test_bloom(self) -> None:
        """arXiv:2211.05100, section 3.3 and table 3: 384 A100 80 GB, tensor 4, pipeline 12, data 8, micro-batch 2."""
        layout = {"data": 8, "tensor": 4, "pipeline": 12, "micro_batch": 2, "recompute": "full"}
        plan = planned(BLOOM, layout, "bloom-48xa100-80", batch=BLOOM_BATCH)
        assert (plan.world_size, plan.nodes, len(plan.stage_memory)) == (384, 48, 12)
        assert plan.architecture.parameters == 176_247_271_424
        assert plan.device_spec.memory / 3 < plan.memory.total < plan.device_spec.memory
        assert [sum(chunk.layers for chunk in chunks) for chunks in plan.stages] == [5, *[6] * 10, 5]

    def test_neox(self) -> None:
        """arXiv:2204.06745, section 3.3: 96 A100 40 GB, tensor 2, pipeline 4, micro-batch 4, 32 micro-batches."""
        layout = {"data": 12, "tensor": 2, "pipeline": 4, "micro_batch": 4, "recompute": "full"}
        plan = planned(NEOX, layout, "neox-12xa100-40", batch={"sequences": 1536})
        assert (plan.world_size, plan.nodes, plan.batch.at(1).accumulation) == (96, 12, 32)
        assert plan.device_spec.memory / 3 < plan.memory.total < plan.device_spec.memory

    def test_llama_65b(self) -> None:
        loaded = load_run(ROOT / "model_specs/llama/65b.yaml", "parallelism.tensor=8 parallelism.pipeline=2")
        plan = make_plan(loaded.spec, load_cluster(ROOT / "cluster/llama-2048xa100.yaml").spec)
        assert (plan.engine, plan.world_size, plan.zero_stage) == ("megatron", 2048, 1)
        assert plan.memory.total < plan.device_spec.memory
