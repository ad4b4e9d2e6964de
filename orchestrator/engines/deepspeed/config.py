"""A plan as DeepSpeed's configuration: the whole of what is asked of that library, readable in a diff.

DeepSpeed has some 200 keys, many with defaults that depend on others. Every key that decides numbers or
memory is said here, so that an upgrade cannot change a run silently; golden tests hold the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.planning.held import BUCKET_ELEMENTS

if TYPE_CHECKING:
    from orchestrator.planning.plan import Plan

PERSISTENT_ROWS = 10
"""ZeRO-3 keeps parameters of up to so many times the hidden size whole on every rank: norms and biases
would cost a gather each. It is transformers' `auto` for the same key."""


def ds_config(plan: Plan) -> dict[str, Any]:
    """The DeepSpeed configuration of a plan. Accumulation is that of the largest batch of a ramp-up."""
    accumulation = plan.batch.at(plan.total_steps).accumulation
    config: dict[str, Any] = {
        "train_batch_size": plan.micro_batch * accumulation * plan.data,
        "train_micro_batch_size_per_gpu": plan.micro_batch,
        "gradient_accumulation_steps": accumulation,
        "gradient_clipping": _clipping(plan),
        "zero_optimization": _zero(plan),
        # The optimizer is torch's, whole or on flat partitions; DeepSpeed's own would compile at first use.
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "communication_data_type": "fp32",
        "steps_per_print": None,
    }
    if plan.precision == "bf16":
        config["bf16"] = {"enabled": True, "check_grad_overflow": True}
        # Stage 0 cannot be told so; there the engine makes the gradients themselves fp32.
        config["data_types"] = {"grad_accum_dtype": "bf16" if plan.zero_stage == 0 else "fp32"}
    return config


def clips_itself(plan: Plan) -> bool:
    """Whether DeepSpeed measures and clips the gradient: not in fp32 at stage 0, where it wraps nothing."""
    return plan.zero_stage > 0 or plan.precision != "fp32"


def _clipping(plan: Plan) -> float:
    """DeepSpeed's 0 means no clipping."""
    limit = plan.spec.training.optimizer.clip_norm
    return float(limit) if clips_itself(plan) and limit is not None else 0.0


def _zero(plan: Plan) -> dict[str, Any]:
    zero: dict[str, Any] = {"stage": plan.zero_stage}
    if plan.zero_stage == 0:
        return zero
    bucket = min(BUCKET_ELEMENTS, plan.architecture.parameters)
    zero |= {
        "contiguous_gradients": True,
        "reduce_scatter": True,
        "reduce_bucket_size": bucket,
        "allgather_bucket_size": bucket + bucket % 2,
        # Streams exist only on accelerators. Offload copies gradients on the stream that overlap would use.
        "overlap_comm": plan.device == "cuda" and plan.offload == "none",
        "round_robin_gradients": False,
    }
    if plan.zero_stage == 3:
        zero |= {
            "sub_group_size": 1_000_000_000,
            "stage3_prefetch_bucket_size": bucket,
            "stage3_param_persistence_threshold": PERSISTENT_ROWS * plan.architecture.hidden,
            "stage3_max_live_parameters": 1_000_000_000,
            "stage3_max_reuse_distance": 1_000_000_000,
        }
    pinned = plan.device == "cuda"
    if plan.offload in ("optimizer", "parameters"):
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": pinned}
    if plan.offload == "parameters":
        zero["offload_param"] = {"device": "cpu", "pin_memory": pinned}
    return zero
