"""What Megatron-core is asked to build, against committed JSON: it changes only on purpose.

To accept a change, delete the file named by the failure and run the test again: it writes it anew (and
fails once more, so that it cannot be forgotten in review).
"""

from __future__ import annotations

import functools
import importlib.util
import json
import sys
import typing
from dataclasses import asdict, is_dataclass
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import distributed

from orchestrator.architecture import parts
from orchestrator.architecture.stack import Block
from orchestrator.planning.capabilities import CAPABILITIES
from tests.plans import tiny_plan

pytestmark = pytest.mark.filterwarnings(
    # Said of every selective recomputation; `runtime.import_core` silences it for the engine.
    "ignore:If you are using transformer_engine as the transformer"
)

GOLDEN = Path(__file__).parent / "golden"

BF16 = {"training": {"precision": "bf16"}}
CASES: dict[str, tuple[int, dict[str, Any], dict[str, dict[str, Any]]]] = {
    "llama-fp32": (1, {}, {}),
    "llama-selective-recompute-bf16": (2, {"zero": 1, "recompute": "selective"}, BF16),
    "llama-tensor2-sequence-fp32": (2, {"tensor": 2}, {}),
    "llama-pipeline4-virtual2-bf16": (4, {"pipeline": 4, "virtual": 2, "micro_batch": 1}, {"model": {"layers": 8}, **BF16}),
    "gpt_neox-tensor2-zero1-fp32": (4, {"tensor": 2, "zero": 1, "sequence_parallel": False}, {"model": {"rotary_fraction": 0.5}}),
    "gpt_neox-pipeline2-bf16": (2, {"pipeline": 2}, BF16),
    "bloom-context2-fp32": (2, {"context": 2}, {}),
    "bloom-tensor2-pipeline2-full-recompute-bf16": (4, {"tensor": 2, "pipeline": 2, "recompute": "full"}, BF16),
    "mixtral-expert2-fp32": (2, {"expert": 2}, {}),
    "mixtral-tensor2-expert2-bias-capacity-bf16": (
        2,
        {"tensor": 2, "expert": 2, "expert_tensor": 1},
        {"model": {"router_scores": "sigmoid", "router_bias_rate": 0.001, "capacity": 1.25, "balance_loss": 0.0}, **BF16},
    ),
}  # fmt: skip

CONFIG = ["num_layers", "hidden_size", "num_attention_heads", "num_query_groups", "kv_channels", "ffn_hidden_size", "gated_linear_unit", "activation_func", "add_bias_linear", "add_qkv_bias", "normalization", "layernorm_epsilon", "layernorm_zero_centered_gamma", "qk_layernorm", "apply_residual_connection_post_layernorm", "attention_softmax_in_fp32", "apply_query_key_layer_scaling", "rotary_interleaved", "attention_dropout", "hidden_dropout", "fp32_residual_connection", "tensor_model_parallel_size", "sequence_parallel", "pipeline_model_parallel_size", "virtual_pipeline_model_parallel_size", "pipeline_model_parallel_layout", "context_parallel_size", "expert_model_parallel_size", "expert_tensor_parallel_size", "num_moe_experts", "moe_ffn_hidden_size", "moe_layer_freq", "moe_router_topk", "moe_router_score_function", "moe_router_pre_softmax", "moe_router_topk_scaling_factor", "moe_router_dtype", "moe_router_load_balancing_type", "moe_aux_loss_coeff", "moe_z_loss_coeff", "moe_router_enable_expert_bias", "moe_router_bias_update_rate", "moe_expert_capacity_factor", "moe_token_drop_policy", "moe_pad_expert_input_to_capacity", "moe_token_dispatcher_type", "moe_apply_probs_on_input", "moe_input_jitter_eps", "recompute_granularity", "recompute_method", "recompute_num_layers", "recompute_modules", "params_dtype", "pipeline_dtype", "bf16", "fp16", "fp8", "autocast_dtype", "enable_autocast", "calculate_per_token_loss", "bias_activation_fusion", "bias_dropout_fusion", "apply_rope_fusion", "masked_softmax_fusion", "gradient_accumulation_fusion", "persist_layer_norm", "cuda_graph_impl", "use_cpu_initialization", "perform_initialization", "deallocate_pipeline_outputs", "variable_seq_lengths", "batch_p2p_comm", "overlap_p2p_comm", "tp_comm_overlap"]
OPTIMIZER = ["optimizer", "lr", "min_lr", "weight_decay", "decoupled_weight_decay", "adam_beta1", "adam_beta2", "adam_eps", "clip_grad", "bf16", "fp16", "params_dtype", "loss_scale", "use_distributed_optimizer", "use_precision_aware_optimizer", "overlap_param_gather", "optimizer_cpu_offload", "main_grads_dtype", "main_params_dtype", "exp_avg_dtype", "exp_avg_sq_dtype"]


@pytest.fixture(autouse=True, scope="module")
def _core() -> None:
    from orchestrator.engines.megatron import runtime

    runtime.import_core()


def plan_of(name: str) -> Any:
    world_size, layout, sections = CASES[name]
    return tiny_plan(
        world_size=world_size, family=name.split("-")[0], parallelism={"engine": "megatron", "micro_batch": 2, **layout}, **sections
    )


def described(value: Any) -> Any:
    """Classes and functions by name, specs by what they hold."""
    if type(value).__name__ == "ModuleSpec":
        held = {name: described(each) for name, each in vars(value.submodules).items()} if value.submodules else {}
        return {"module": described(value.module), **described(value.params), **held}
    if isinstance(value, functools.partial):
        return {"class": value.func.__name__, **{name: described(each) for name, each in value.keywords.items()}}
    if isinstance(value, type) or callable(value):
        return value.__name__
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, torch.dtype):
        return str(value)
    if is_dataclass(value):
        return {type(value).__name__: {name: described(each) for name, each in vars(value).items()}}
    if isinstance(value, dict):
        return {name: described(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [described(each) for each in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def translated(name: str) -> dict[str, Any]:
    from orchestrator.engines.megatron.translate import translate

    plan = plan_of(name)
    found = translate(plan.architecture, plan)
    layers = [described(layer) for layer in found.layers]
    assert len(layers) == len(plan.architecture.blocks)
    assert all(layer == layers[0] for layer in layers)
    return {
        "config": {field: described(getattr(found.config, field)) for field in CONFIG},
        "ddp": described(asdict(found.ddp)),
        "optimizer": {field: described(getattr(found.optimizer, field)) for field in OPTIMIZER},
        "embedding_norm": described(found.embedding_norm),
        "final_norm": described(found.final_norm),
        "layer": layers[0],
    }


@pytest.mark.parametrize("name", CASES)
def test_what_is_asked_of_core_is_the_committed(name: str) -> None:
    path = GOLDEN / f"{name}.json"
    written = json.dumps(translated(name), indent=1) + "\n"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(written)
        pytest.fail(f"{path.name} was missing and has been written: read it, and commit it if it is right")
    assert written == path.read_text()


@pytest.mark.parametrize("name", CASES)
def test_translating_twice_gives_the_same_and_builds_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def built(*_: Any, **__: Any) -> None:
        raise AssertionError("a module was built")

    monkeypatch.setattr(torch.nn.Module, "__init__", built)
    monkeypatch.setattr(torch.nn.Parameter, "__new__", built)
    assert not distributed.is_initialized()  # so that whatever asked for a group would fail
    assert translated(name) == translated(name)


def arguments(of: Any) -> set[Any]:
    """The classes or words of a union or a Literal."""
    return set(typing.get_args(of))


class TestEveryPartHasARow:
    def test_feed_forwards(self) -> None:
        from orchestrator.engines.megatron.translate import _FEED_FORWARDS

        assert set(_FEED_FORWARDS) == arguments(parts.FeedForwardPart)

    def test_activations(self) -> None:
        from orchestrator.engines.megatron.translate import _ACTIVATIONS

        assert set(_ACTIVATIONS) == arguments(parts.Activation)

    def test_residuals(self) -> None:
        from orchestrator.engines.megatron.translate import _RESIDUALS

        assert set(_RESIDUALS) == arguments(typing.get_type_hints(Block)["residual"])

    def test_norms(self) -> None:
        from orchestrator.engines.megatron.translate import linears_for

        assert set(linears_for("cpu").norms) == arguments(parts.Norm)

    def test_no_part_is_of_a_kind_without_a_table(self) -> None:
        known = arguments(parts.FeedForwardPart) | arguments(parts.Norm) | arguments(parts.Position)
        sizes = {parts.Embedding, parts.Attention, parts.Router, parts.Head}
        found = {each for each in vars(parts).values() if isinstance(each, type) and is_dataclass(each)}
        refused = {parts.Latent}
        assert found == known | sizes | refused
        able = CAPABILITIES["megatron"].parts or frozenset()
        assert not {each.__name__ for each in refused} & able

    @pytest.mark.parametrize("activation", sorted(typing.get_args(parts.Activation)))
    def test_activations_are_those_of_transformers(self, activation: str) -> None:
        from transformers.activations import ACT2FN

        from orchestrator.engines.megatron.translate import _ACTIVATIONS

        theirs = {"silu": "silu", "gelu": "gelu", "gelu_tanh": "gelu_pytorch_tanh"}[activation]
        x = torch.linspace(-5, 5, 101)
        torch.testing.assert_close(_ACTIVATIONS[activation](x), ACT2FN[theirs](x), rtol=1e-6, atol=1e-7)  # type: ignore[index]


class TestTransformerEngine:
    """Its matrices and norms are taken where it is installed, and only on a GPU."""

    @pytest.fixture(autouse=True)
    def _installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import megatron.core.extensions

        fake = ModuleType("megatron.core.extensions.transformer_engine")
        for name in ("TEColumnParallelLinear", "TERowParallelLinear", "TENorm"):
            setattr(fake, name, type(name, (), {}))
        monkeypatch.setitem(sys.modules, fake.__name__, fake)
        monkeypatch.setattr(megatron.core.extensions, "transformer_engine", fake, raising=False)
        found = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, *rest: object() if name == "transformer_engine" else found(name, *rest)
        )

    def test_on_a_gpu(self) -> None:
        from orchestrator.engines.megatron.translate import linears_for

        linears = linears_for("cuda")
        assert (linears.column.__name__, linears.row.__name__) == ("TEColumnParallelLinear", "TERowParallelLinear")
        assert {norm.__name__ for norm in linears.norms.values()} == {"TENorm"}
        assert set(linears.norms) == arguments(parts.Norm)

    def test_not_on_a_cpu(self) -> None:
        from orchestrator.engines.megatron.translate import linears_for

        assert linears_for("cpu").column.__name__ == "ColumnParallelLinear"

    def test_not_where_it_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from orchestrator.engines.megatron.translate import linears_for

        monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None)
        assert linears_for("cuda").column.__name__ == "ColumnParallelLinear"
