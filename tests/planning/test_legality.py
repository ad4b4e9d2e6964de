"""Illegal layouts, as a table: each is refused with its reason, and what is named instead is accepted by the planner.

A user of a real system meets these after allocation: layers that stages do not divide on the fourteenth rank of a job,
a batch that a ramp-up step does not divide hours into the run, a loss that goes wrong without any error.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import PlanError
from orchestrator.pages import parse_overrides
from orchestrator.planning import make_plan
from orchestrator.planning.capabilities import CAPABILITIES
from orchestrator.planning.choose import resolve
from orchestrator.planning.devices import device_of
from orchestrator.planning.features import features
from orchestrator.planning.rules import RULES, case_of
from tests.planning.models import BLOOM, BLOOM_BATCH, GROUPED, LLAMA, MIXTRAL, NEOX, SMALL, Made, gpus, page

MEGATRON = {"engine": "megatron"}
DEEPSPEED = {"engine": "deepspeed"}
REFERENCE = {"engine": "reference"}
BLOOM_LAYOUT = {"data": 8, "tensor": 4, "pipeline": 12, "micro_batch": 2, "recompute": "full"}
NEOX_LAYOUT = {"data": 12, "tensor": 2, "pipeline": 4, "micro_batch": 4, "recompute": "full"}
ADAFACTOR = {"optimizer": {"name": "adafactor", "lr": 1e-3}}
RAMP = {"batch": {"sequences": 96, "ramp_up": {"start": 32, "step": 16, "samples": 10_000}}}


@dataclass(frozen=True, kw_only=True)
class Illegal:
    """A layout of a model on hardware; `says`: words of the refusal; `near`: whether a few changes make it legal."""

    name: str
    model: dict[str, Any]
    said: dict[str, Any]
    says: tuple[str, ...]
    nodes: int = 2
    count: int = 8
    accelerator: str = "A100-80GB"
    length: int = 2048
    training: dict[str, Any] = field(default_factory=dict)
    near: bool = True


def case(name: str, model: dict[str, Any], said: dict[str, Any], *says: str, **more: Any) -> Illegal:
    return Illegal(name=name, model=model, said=said, says=says, **more)


BLOOM_RUN: dict[str, Any] = {"nodes": 48, "training": {"batch": BLOOM_BATCH}}
NEOX_RUN: dict[str, Any] = {"nodes": 12, "accelerator": "A100-40GB", "training": {"batch": {"sequences": 1536}}}

ENGINES = [
    case("tensor on deepspeed", LLAMA, DEEPSPEED | {"tensor": 8, "zero": 3}, "engine deepspeed has no tensor parallelism", "engine megatron can", nodes=64),
    case("pipeline on deepspeed", LLAMA, DEEPSPEED | {"pipeline": 2, "zero": 3}, "no pipeline parallelism, found degree 2; engine megatron can", nodes=64),
    case("virtual on deepspeed", SMALL, DEEPSPEED | {"virtual": 2}, "no virtual parallelism, found degree 2; engine megatron can"),
    case("context on deepspeed", SMALL, DEEPSPEED | {"context": 2}, "no context parallelism", "engine megatron can"),
    case("expert on deepspeed", MIXTRAL, DEEPSPEED | {"expert": 8, "zero": 3, "recompute": "full"}, "no expert parallelism", "engine megatron can", nodes=4),
    case("expert_tensor on deepspeed", MIXTRAL, DEEPSPEED | {"expert_tensor": 2, "zero": 3, "recompute": "full"}, "cuts no experts", nodes=4),
    case("sequence parallel on deepspeed", SMALL, DEEPSPEED | {"sequence_parallel": True}, "has no sequence parallelism; engine megatron can"),
    case("selective recompute on deepspeed", SMALL, DEEPSPEED | {"recompute": "selective"}, "has no recompute selective; engine megatron can"),
    case("data on the reference", SMALL, REFERENCE | {"data": 2}, "engine reference has no data parallelism"),
    case("tensor on the reference", SMALL, REFERENCE | {"tensor": 2}, "engine reference has no tensor parallelism"),
    case("context on the reference", SMALL, REFERENCE | {"context": 2}, "engine reference has no context parallelism"),
    case("ZeRO on the reference", SMALL, REFERENCE | {"zero": 1}, "engine reference has no ZeRO stage 1"),
    case("selective recompute on the reference", SMALL, REFERENCE | {"recompute": "selective"}, "engine reference has no recompute selective"),
    case("ZeRO 2 behind a pipeline", NEOX, MEGATRON | NEOX_LAYOUT | {"zero": 2}, "has no ZeRO stage 2", "would be reduced at every micro-batch of the pipeline", **NEOX_RUN),
    case("ZeRO 3 on megatron", SMALL, MEGATRON | {"tensor": 2, "zero": 3}, "engine megatron has no ZeRO stage 3"),
    case("offload on megatron", SMALL, MEGATRON | {"tensor": 2, "offload": "optimizer"}, "engine megatron cannot offload optimizer"),
    case("offload below its ZeRO stage", SMALL, DEEPSPEED | {"zero": 1, "offload": "parameters"}, "needs ZeRO stage 3 or more, found stage 1"),
    case("Adafactor on megatron", SMALL, MEGATRON, "engine megatron has no optimizer adafactor", training=ADAFACTOR),
    case("Adafactor partitioned", SMALL, DEEPSPEED | {"zero": 2}, "which ZeRO stage 2 cuts into flat pieces", training=ADAFACTOR),
    case("a capacity on deepspeed", MIXTRAL | {"router": {"capacity": 1.25}}, DEEPSPEED | {"zero": 3, "recompute": "full"}, "engine deepspeed has no Router.capacity", "engine megatron can", nodes=64, near=False),
    case("a router's bias on deepspeed", MIXTRAL | {"layers": 2, "router": {"bias_rate": 1e-3, "scores": "sigmoid"}}, DEEPSPEED, "no Router.bias_rate, Router.scores=sigmoid, which", "engine megatron can"),
    case("sigmoid scores on the reference", MIXTRAL | {"layers": 2, "router": {"scores": "sigmoid"}}, REFERENCE, "engine reference has no Router.scores=sigmoid"),
    case("one softmax expert per token on megatron", MIXTRAL | {"layers": 2, "per_token": 1}, MEGATRON, "no softmax router with 1 expert per token", near=False),
    case("layers of two sizes on megatron", SMALL | {"last": {"size": 1024}}, MEGATRON | {"tensor": 1}, "one set of sizes for all layers, and this model's layers differ in feed_forward"),
    case("layers of two kinds of heads on megatron", SMALL | {"last": {"kv_heads": 2}}, MEGATRON | {"tensor": 1}, "layers differ in attention"),
    case("a final norm of its own on megatron", SMALL | {"final_eps": 1e-6}, MEGATRON, "norms have eps 1e-05, 1e-06"),
    case("biases in attention alone on megatron", SMALL | {"attention_bias": True}, MEGATRON, "attention has biases and feed-forward none"),
    case("a router's bias on softmax", MIXTRAL | {"layers": 2, "router": {"bias_rate": 1e-3}}, MEGATRON, "Router.bias_rate needs sigmoid scores", near=False),
]

MATRICES = [
    case("heads", LLAMA, {"tensor": 6, "pipeline": 8}, "64 attention heads are not a multiple of tensor 6", count=6, nodes=32),
    case("heads of BLOOM", BLOOM, MEGATRON | BLOOM_LAYOUT | {"tensor": 6}, "112 attention heads are not a multiple of tensor 6", "tensor 6 must lie inside one node", nodes=72, training=BLOOM_RUN["training"]),
    case("query groups", GROUPED | {"kv_heads": 4}, {"tensor": 8, "pipeline": 4, "recompute": "full"}, "4 key and value heads are not a multiple of tensor 8", nodes=32),
    case("feed-forward", SMALL | {"size": 1538}, {"tensor": 4}, "feed-forward size 1538 is not a multiple of tensor 4"),
    case("sequence parallel alone", SMALL, MEGATRON | {"sequence_parallel": True}, "sequence_parallel needs tensor above 1"),
    case("a sequence that tensor does not divide", SMALL, {"tensor": 4, "sequence_parallel": True}, "sequence_length 2046 is not a multiple of tensor 4", length=2046),
    case("a sequence that tensor and context do not divide", SMALL, {"tensor": 4, "context": 2, "sequence_parallel": True}, "2044 is not a multiple of tensor 4 x context 2", length=2044),
    case("a sequence that context does not divide", SMALL, {"context": 8}, "2056 is not a multiple of 2 x context 8 = 16", length=2056),
    case("heads and context", SMALL, {"tensor": 4, "context": 4}, "8 attention heads (8 of keys and values) over tensor 4 cannot be shared out among context 4"),
    case("query groups and context", SMALL | {"heads": 12, "hidden": 768, "kv_heads": 3}, {"context": 2}, "12 attention heads (3 of keys and values)", "context 2"),
]

STAGES = [
    case("more stages than layers", SMALL, {"pipeline": 16}, "pipeline 16 is more than the model's 8 layers"),
    case("more chunks than layers", LLAMA, {"tensor": 8, "pipeline": 16, "virtual": 8}, "pipeline 16 x virtual 8 = 128 is more than the model's 80 layers", nodes=64),
    case("virtual on two stages", SMALL, {"pipeline": 2, "virtual": 2}, "virtual 2 needs pipeline above 2, found 2", "wrong silently"),
    case("virtual without a pipeline", SMALL, {"virtual": 4}, "virtual 4 needs pipeline above 2, found 1"),
    case("broken rounds", NEOX, MEGATRON | NEOX_LAYOUT | {"data": 6, "micro_batch": 8, "virtual": 2}, "needs a multiple of pipeline 4 micro-batches per step", "batch of 1488 sequences has 31", nodes=6, training={"batch": {"sequences": 1488}}),
    case("a round that the ramp breaks", SMALL, {"pipeline": 4, "virtual": 2, "data": 4, "micro_batch": 2}, "of 48 sequences from step 80 has 6", "(micro_batch 2 x data 4)", training=RAMP),
    case("BLOOM interleaved", BLOOM, MEGATRON | BLOOM_LAYOUT | {"virtual": 2}, "multiple of pipeline 12 micro-batches", **BLOOM_RUN),
]

EXPERTS = [
    case("expert of a dense model", SMALL, {"expert": 2}, "expert 2 needs a mixture of experts, and this model has none"),
    case("expert_tensor of a dense model", SMALL, MEGATRON | {"expert_tensor": 4}, "expert_tensor 4 needs a mixture of experts"),
    case("experts", MIXTRAL, {"expert": 3, "pipeline": 4}, "8 experts are not a multiple of expert 3", count=12, nodes=4),
    case("experts beyond the ranks", MIXTRAL, {"expert": 8, "data": 4, "pipeline": 8}, "expert 8 x expert_tensor 1 = 8 does not divide data 4 x tensor 1 = 4", nodes=4),
    case("experts cut as much as the rest", MIXTRAL, {"expert": 4, "tensor": 4, "data": 2, "pipeline": 4, "recompute": "full"}, "expert 4 x expert_tensor 4 = 16 does not divide data 2 x tensor 4 = 8", nodes=4),
    case("experts cut without data", MIXTRAL, {"tensor": 2, "expert_tensor": 4, "data": 1, "pipeline": 8}, "expert 1 x expert_tensor 4 = 4 does not divide data 1 x tensor 2 = 2"),
    case("expert size", MIXTRAL | {"size": 14337}, {"expert": 4, "expert_tensor": 2, "pipeline": 4}, "expert size 14337 is not a multiple of expert_tensor 2", nodes=4),
]

PLACES = [
    case("tensor across nodes", LLAMA, {"tensor": 16, "pipeline": 4}, "tensor 16 must lie inside one node of 8 devices: 16 ranks need 2 nodes", nodes=64),
    case("tensor astride nodes", LLAMA, {"tensor": 4, "pipeline": 8}, "tensor 4 must lie inside one node of 6 devices: some groups would lie on two nodes", count=6, nodes=64),
    case("tensor across CPU nodes", SMALL, {"tensor": 4}, "tensor 4 must lie inside one node of 2 devices", count=2, nodes=4),
    case("experts across nodes", MIXTRAL | {"experts": 16}, {"expert": 16, "pipeline": 4}, "expert 16 x expert_tensor 1 = 16 must lie inside one node of 8", nodes=8),
    case("cut experts across nodes", MIXTRAL, {"expert": 8, "tensor": 2, "pipeline": 4}, "expert 8 x expert_tensor 2 = 16 must lie inside one node of 8", nodes=8),
    case("more ranks than devices", LLAMA, {"tensor": 8, "pipeline": 8, "data": 8}, "data 8 x tensor 8 x pipeline 8 = 512 devices are asked for and the cluster has 256", nodes=32),
    case("a pipeline longer than the cluster", NEOX, MEGATRON | NEOX_LAYOUT | {"data": 1, "pipeline": 11}, "1 x tensor 2 x pipeline 11 = 22 devices are asked for and the cluster has 16", accelerator="A100-80GB", training={"batch": {"sequences": 1536}}),
]

BATCHES = [
    case("a batch of NeoX", NEOX, MEGATRON | NEOX_LAYOUT, "the batch of 1538 sequences is not a multiple of micro_batch 4 x data 12 = 48", nodes=12, accelerator="A100-40GB", training={"batch": {"sequences": 1538}}),
    case("a ramp of BLOOM", BLOOM, MEGATRON | BLOOM_LAYOUT | {"micro_batch": 4}, "the batch of 208 sequences that the ramp-up takes from step", "micro_batch 4 x data 8 = 32", **BLOOM_RUN),
    case("a ramp on deepspeed", SMALL, DEEPSPEED | {"data": 16, "micro_batch": 2}, "the batch of 48 sequences that the ramp-up takes", training=RAMP),
    case("an odd data degree", SMALL, DEEPSPEED | {"data": 7}, "the batch of 1024 sequences is not a multiple of micro_batch 1 x data 7 = 7"),
]

TABLE = [*ENGINES, *MATRICES, *STAGES, *EXPERTS, *PLACES, *BATCHES]


def refused(illegal: Illegal) -> PlanError:
    with pytest.raises(PlanError) as caught:
        plan(illegal, illegal.said)
    return caught.value


def plan(illegal: Illegal, parallelism: dict[str, Any]) -> Any:
    spec = page(illegal.model, parallelism, length=illegal.length, **illegal.training)
    return make_plan(spec, gpus(illegal.nodes, illegal.count, illegal.accelerator))


def named(error: PlanError) -> dict[str, Any] | None:
    """The changes of the last problem's `SET="..."`, read as the command line reads them."""
    found = re.search(r'nearest legal layout: parallelism: \{(.*)\}, or SET="(.*)"$', error.problems[-1].fix)
    if not found:
        return None
    changes = {override.path[1]: override.value for override in parse_overrides(found[2])}
    assert found[1] == ", ".join(f"{key}: {str(value).lower()}" for key, value in changes.items())
    return changes


@pytest.mark.parametrize("illegal", TABLE, ids=[illegal.name for illegal in TABLE])
def test_a_layout_is_refused_and_the_one_named_instead_is_accepted(illegal: Illegal) -> None:
    started = time.process_time()
    error = refused(illegal)
    assert time.process_time() - started < 1.0
    told = str(error)
    for words in illegal.says:
        assert words in told, told
    assert all(problem.path and problem.fix for problem in error.problems)
    changes = named(error)
    if changes is None:
        assert not illegal.near, told
        return
    assert 1 <= len(changes) <= 3
    made = plan(illegal, illegal.said | changes)
    assert made.memory.total <= made.device_spec.memory


def test_the_table_is_large_and_every_rule_that_can_be_met_is_in_it() -> None:
    names = [illegal.name for illegal in TABLE]
    assert len(names) == len(set(names)) >= 45
    met = {name for illegal in TABLE for name in broken(illegal)}
    # No layout changes what a device computes in (tests/bad_pages.py) or keeps documents apart (tests/objectives/test_documents.py).
    assert {rule.__name__ for rule in RULES} - met == {"precision_is_supported", "engine_keeps_documents_apart"}


def broken(illegal: Illegal) -> set[str]:
    """The rules that a case breaks."""
    spec = page(illegal.model, illegal.said, length=illegal.length, **illegal.training)
    architecture, devices = spec.model.architecture(), illegal.nodes * illegal.count
    device = device_of(gpus(illegal.nodes, illegal.count, illegal.accelerator))
    found = case_of(spec, architecture, resolve(spec, architecture, devices), device, devices, illegal.count)
    return {rule.__name__ for rule in RULES if rule(found)}


class TestNearest:
    def test_few_changes_come_first(self) -> None:
        changes = named(refused(case("", LLAMA, {"tensor": 3, "pipeline": 8}, nodes=32)))
        assert changes is not None
        assert set(changes) == {"tensor"}

    def test_another_engine_comes_last(self) -> None:
        assert named(refused(case("", SMALL, DEEPSPEED | {"tensor": 2}))) == {"tensor": 1}

    def test_a_model_that_fits_nowhere_has_no_neighbour(self) -> None:
        started = time.process_time()
        assert named(refused(case("", BLOOM, MEGATRON | {"tensor": 8}, nodes=1))) is None
        assert time.process_time() - started < 2.0

    def test_memory_counts_too(self) -> None:
        """A layout that breaks no rule and does not fit is answered with one that fits."""
        said = {"tensor": 4, "pipeline": 1, "micro_batch": 1, "recompute": "full"}
        error = refused(case("", LLAMA, said, nodes=16))
        assert "does not fit" in str(error)
        assert plan(case("", LLAMA, {}, nodes=16), said | (named(error) or {}))


LAYOUTS = st.fixed_dictionaries(
    {"engine": st.sampled_from(["auto", "deepspeed", "megatron", "megatron"])},
    optional={
        "data": st.integers(1, 9), "tensor": st.integers(1, 9), "pipeline": st.integers(1, 9), "virtual": st.integers(1, 3),
        "context": st.integers(1, 4), "expert": st.integers(1, 8), "expert_tensor": st.integers(1, 4),
        "micro_batch": st.integers(1, 4), "zero": st.integers(0, 3), "sequence_parallel": st.booleans(),
        "recompute": st.sampled_from(["none", "selective", "full"]), "offload": st.sampled_from(["none", "none", "optimizer"]),
    },
)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(LAYOUTS, st.sampled_from([SMALL, MIXTRAL | {"layers": 4}]), st.sampled_from([{}, RAMP]))
def test_whatever_is_said_is_planned_or_answered_with_what_would_be(said: dict[str, Any], model: dict[str, Any], training: dict[str, Any]) -> None:
    """And a plan that is made has a whole number of micro-batches at every step, and a place for every rank."""
    illegal = case("", model, said, training=training)
    try:
        made = plan(illegal, said)
    except PlanError as error:
        changes = named(error)
        if changes is None:
            return
        made = plan(illegal, said | changes)
    layout = made.layout
    rounds = {made.batch.at(segment.first_step).accumulation for segment in made.batch.segments}
    assert all(count >= 1 and (layout.virtual == 1 or count % layout.pipeline == 0) for count in rounds)
    assert layout.data * layout.context * layout.tensor % (layout.expert * layout.expert_tensor) == 0
    assert made.world_size <= 16
    assert len(made.as_dict()["rank_map"]["ranks"]) == made.world_size


class TestParts:
    def test_a_part_that_megatron_was_not_taught_is_refused_by_its_name(self) -> None:
        able = CAPABILITIES["megatron"]
        known = features(Made.model_validate(BLOOM).architecture()) | features(Made.model_validate(MIXTRAL).architecture())
        assert able.missing(known) == []
        assert able.missing(known | {"Block.norm_placement=post"}) == ["Block.norm_placement=post"]

    def test_the_other_engines_run_whatever_the_familys_module_is_made_of(self) -> None:
        assert CAPABILITIES["deepspeed"].missing(frozenset({"Block.norm_placement=post"})) == []

    def test_a_feature_is_a_part_a_choice_or_a_number_that_is_set(self) -> None:
        found = features(Made.model_validate(MIXTRAL | {"router": {"balance_loss": 0.01}}).architecture())
        assert {"RMSNorm", "Rotary", "Attention.causal=True", "Router.balance_loss"} <= found
        assert not any(name.startswith(("Router.scores", "Router.capacity", "Block.residual")) for name in found)
