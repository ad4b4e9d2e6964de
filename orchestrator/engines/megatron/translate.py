"""Architecture and plan -> Megatron-core's configurations and layer specs. Pure: nothing is built.

Core has some 400 options, many of which change each other. All that decides numbers or memory is said here, so that an
upgrade cannot change a run silently; golden tests hold the result. Each kind of part has one row in a table.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from megatron.core.distributed import DistributedDataParallelConfig
from megatron.core.fusions.fused_bias_dropout import get_bias_dropout_add
from megatron.core.optimizer import OptimizerConfig
from megatron.core.tensor_parallel import ColumnParallelLinear, RowParallelLinear
from megatron.core.transformer.attention import SelfAttention, SelfAttentionSubmodules
from megatron.core.transformer.enums import AttnMaskType
from megatron.core.transformer.mlp import MLP, MLPSubmodules
from megatron.core.transformer.moe.moe_layer import MoESubmodules
from megatron.core.transformer.spec_utils import ModuleSpec
from megatron.core.transformer.transformer_config import TransformerConfig
from megatron.core.transformer.transformer_layer import TransformerLayer, TransformerLayerSubmodules
from torch import Tensor
from torch.nn import functional

from orchestrator.architecture import parts
from orchestrator.engines.megatron import layers
from orchestrator.engines.megatron.attention import CoreAttention
from orchestrator.engines.megatron.experts import GroupedExperts, MeasuredRouter, MoELayer

if TYPE_CHECKING:
    from orchestrator.architecture.stack import Architecture, Block
    from orchestrator.planning.plan import Plan

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True, kw_only=True)
class Linears:
    """Matrices cut by columns and by rows, and the norms that go with them."""

    column: type
    row: type
    norms: dict[type, type]


@dataclass(frozen=True, kw_only=True)
class Translation:
    """What Megatron-core is asked to build: one layer spec per block of the model."""

    config: TransformerConfig
    ddp: DistributedDataParallelConfig
    optimizer: OptimizerConfig
    layers: tuple[ModuleSpec, ...]
    embedding_norm: type | None
    final_norm: type


def translate(architecture: Architecture, plan: Plan, linears: Linears | None = None) -> Translation:
    """The whole of what is asked of Megatron-core. `linears`: by default those of `linears_for(plan.device)`."""
    linears = linears or linears_for(plan.device)
    specs = {block: layer_spec(block, linears) for block in dict.fromkeys(architecture.blocks)}
    norm = architecture.embedding.norm
    return Translation(
        config=transformer_config(architecture, plan),
        ddp=ddp_config(plan),
        optimizer=optimizer_config(plan),
        layers=tuple(specs[block] for block in architecture.blocks),
        embedding_norm=None if norm is None else linears.norms[type(norm)],
        final_norm=linears.norms[type(architecture.final_norm)],
    )


def linears_for(device: str) -> Linears:
    """Transformer Engine's where it is installed and there is a GPU, else core's own."""
    if device == "cuda" and importlib.util.find_spec("transformer_engine"):
        from megatron.core.extensions import transformer_engine as te

        return Linears(
            column=te.TEColumnParallelLinear, row=te.TERowParallelLinear,
            norms={parts.RMSNorm: te.TENorm, parts.LayerNorm: te.TENorm},
        )  # fmt: skip
    own: dict[type, type] = {parts.RMSNorm: layers.RMSNorm, parts.LayerNorm: layers.LayerNorm}
    return Linears(column=ColumnParallelLinear, row=RowParallelLinear, norms=own)


def layer_spec(block: Block, linears: Linears) -> ModuleSpec:
    """One block. A part without a row in the tables below is refused when the run is planned."""
    norm = linears.norms[type(block.norm)]
    position = block.attention.position
    slopes = position.slopes if isinstance(position, parts.ALiBi) else None
    add = get_bias_dropout_add
    return ModuleSpec(
        module=_RESIDUALS[block.residual],
        submodules=TransformerLayerSubmodules(
            input_layernorm=norm,
            self_attention=ModuleSpec(
                module=SelfAttention,
                params={"attn_mask_type": AttnMaskType.causal},
                submodules=SelfAttentionSubmodules(
                    linear_qkv=linears.column,
                    core_attention=functools.partial(CoreAttention, slopes=slopes),
                    linear_proj=linears.row,
                ),
            ),
            self_attn_bda=add,
            pre_mlp_layernorm=norm,
            mlp=_FEED_FORWARDS[type(block.feed_forward)](linears),
            mlp_bda=add,
        ),
    )


def transformer_config(architecture: Architecture, plan: Plan) -> TransformerConfig:
    """Sizes, layout and numerics. All blocks of a model have the same sizes here (a rule of the planner)."""
    layout, block = plan.layout, architecture.blocks[0]
    attention, dtype = block.attention, DTYPES[plan.precision]
    recompute: dict[str, Any] = {}
    if layout.recompute == "full":
        recompute = {"recompute_granularity": "full", "recompute_method": "uniform", "recompute_num_layers": 1}
    elif layout.recompute == "selective":
        recompute = {"recompute_granularity": "selective", "recompute_modules": ["core_attn"]}
    return TransformerConfig(
        num_layers=len(architecture.blocks),
        hidden_size=architecture.hidden,
        num_attention_heads=attention.heads,
        num_query_groups=attention.kv_heads,
        kv_channels=attention.head_dim,
        add_bias_linear=attention.bias,
        normalization=type(architecture.final_norm).__name__,
        layernorm_epsilon=architecture.final_norm.eps,
        **_sizes(block.feed_forward),
        # Layout
        tensor_model_parallel_size=layout.tensor,
        sequence_parallel=layout.sequence_parallel,
        pipeline_model_parallel_size=layout.pipeline,
        virtual_pipeline_model_parallel_size=layout.virtual if layout.virtual > 1 else None,
        pipeline_model_parallel_layout=_pipeline_layout(plan) if layout.pipeline > 1 else None,
        context_parallel_size=layout.context,
        expert_model_parallel_size=layout.expert,
        expert_tensor_parallel_size=layout.expert_tensor if _is_moe(architecture) else 1,
        **recompute,
        # Numerics. Fusions that are compiled round otherwise than the modules they are compared with.
        params_dtype=dtype,
        pipeline_dtype=dtype,
        bf16=plan.precision == "bf16",
        attention_dropout=0.0,
        hidden_dropout=0.0,
        bias_activation_fusion=False,
        bias_dropout_fusion=False,
        apply_rope_fusion=False,
        gradient_accumulation_fusion=False,
        cuda_graph_scope=[],
        # Weights are set from canonical names after building.
        use_cpu_initialization=plan.device == "cpu",
        perform_initialization=False,
        # A stage's output is not needed once it is sent; its memory is, for the micro-batches in flight.
        deallocate_pipeline_outputs=True,
    )


def ddp_config(plan: Plan) -> DistributedDataParallelConfig:
    """Gradients are accumulated and reduced in fp32, whatever the weights are."""
    return DistributedDataParallelConfig(
        grad_reduce_in_fp32=True,
        use_distributed_optimizer=plan.zero_stage == 1,
        overlap_grad_reduce=plan.device == "cuda" and plan.data > 1,
        overlap_param_gather=False,
        average_in_collective=False,
        check_for_nan_in_grad=False,
    )


def optimizer_config(plan: Plan) -> OptimizerConfig:
    """AdamW as under every engine; the engine sets the rate of each step and judges gradients that are not finite."""
    said: Any = plan.spec.training.optimizer
    return OptimizerConfig(
        optimizer="adam",
        decoupled_weight_decay=True,
        lr=said.lr,
        min_lr=0.0,
        adam_beta1=said.betas[0],
        adam_beta2=said.betas[1],
        adam_eps=said.eps,
        weight_decay=said.weight_decay,
        clip_grad=said.clip_norm or 0.0,
        bf16=plan.precision == "bf16",
        params_dtype=DTYPES[plan.precision],
        use_distributed_optimizer=plan.zero_stage == 1,
    )


def gelu_tanh(x: Tensor) -> Tensor:
    return functional.gelu(x, approximate="tanh")


_ACTIVATIONS: dict[parts.Activation, Callable[[Tensor], Tensor]] = {
    "silu": functional.silu,
    "gelu": functional.gelu,
    "gelu_tanh": gelu_tanh,
}
_RESIDUALS: dict[str, type] = {"serial": TransformerLayer, "parallel": layers.ParallelResidualLayer}


def _dense(linears: Linears) -> ModuleSpec:
    return ModuleSpec(module=MLP, submodules=MLPSubmodules(linear_fc1=linears.column, linear_fc2=linears.row))


def _mixture(linears: Linears) -> ModuleSpec:
    return ModuleSpec(module=MoELayer, submodules=MoESubmodules(experts=GroupedExperts, router=MeasuredRouter))


_FEED_FORWARDS: dict[type, Callable[[Linears], ModuleSpec]] = {
    parts.GatedFeedForward: _dense,
    parts.FeedForward: _dense,
    parts.MixtureOfExperts: _mixture,
}


def _sizes(part: parts.FeedForwardPart) -> dict[str, Any]:
    """The feed-forward's share of TransformerConfig."""
    if not isinstance(part, parts.MixtureOfExperts):
        return {
            "ffn_hidden_size": part.size,
            "gated_linear_unit": isinstance(part, parts.GatedFeedForward),
            "activation_func": _ACTIVATIONS[part.activation],
        }
    router = part.router
    return _sizes(part.expert) | {
        "num_moe_experts": router.experts,
        "moe_ffn_hidden_size": part.expert.size,
        "moe_router_topk": router.per_token,
        "moe_router_score_function": router.scores,
        "moe_router_dtype": "fp32",
        "moe_router_load_balancing_type": "seq_aux_loss" if router.balance_loss else "none",
        "moe_aux_loss_coeff": router.balance_loss,
        "moe_z_loss_coeff": router.z_loss or None,
        "moe_router_enable_expert_bias": router.bias_rate > 0,
        "moe_router_bias_update_rate": router.bias_rate,
        "moe_expert_capacity_factor": router.capacity,
        "moe_token_dispatcher_type": "alltoall",
    }


def _is_moe(architecture: Architecture) -> bool:
    return any(isinstance(block.feed_forward, parts.MixtureOfExperts) for block in architecture.blocks)


def _pipeline_layout(plan: Plan) -> list[list[str]]:
    """The chunks in the order of the model, as core names what they hold."""
    stages = plan.stages
    order = [stages[stage][virtual] for virtual in range(plan.layout.virtual) for stage in range(plan.layout.pipeline)]
    return [
        ["embedding"] * chunk.embedding + ["decoder"] * chunk.layers + ["loss"] * chunk.head for chunk in order
    ]
