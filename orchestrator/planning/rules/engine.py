"""What the engine lacks: axes, parts, ZeRO stages, offload, recomputation, optimizers; and what the device lacks."""

from __future__ import annotations

from orchestrator.architecture.parts import FeedForward
from orchestrator.errors import Problem
from orchestrator.planning.capabilities import CAPABILITIES
from orchestrator.planning.rules.case import Case, Rule, engines_that_can


def has_axis(axis: str) -> Rule:
    """The rule that an axis above 1 is one that the engine has: an axis it lacks would be ignored in silence."""

    def engine_has_axis(case: Case) -> Problem | None:
        degree = getattr(case.layout, axis)
        if degree == 1 or axis in case.able.axes:
            return None
        return Problem(
            path=f"parallelism.{axis}",
            message=f"engine {case.layout.engine} has no {axis} parallelism, found degree {degree}; {engines_that_can(axis)}",
            fix=f"write {axis}: 1",
        )

    return engine_has_axis


HAS_AXES = tuple(has_axis(axis) for axis in ("data", "tensor", "pipeline", "virtual", "context", "expert"))


def expert_tensor_of_engine(case: Case) -> Problem | None:
    """Cutting experts is a way of expert parallelism; `auto` is whatever tensor is, so only a number said can be wrong."""
    layout = case.layout
    if "expert" in case.able.axes or layout.expert_tensor in (1, layout.tensor):
        return None
    return Problem(
        path="parallelism.expert_tensor",
        message=f"engine {layout.engine} cuts no experts, found expert_tensor {layout.expert_tensor}; {engines_that_can('expert')}",
        fix="write expert_tensor: 1",
    )


def sequence_parallel_of_engine(case: Case) -> Problem | None:
    """Sequence parallelism is a way of tensor parallelism (Korthikanti et al. 2022): without it there is none."""
    if not case.layout.sequence_parallel or "sequence_parallel" in case.able.axes:
        return None
    return Problem(
        path="parallelism.sequence_parallel",
        message=f"engine {case.layout.engine} has no sequence parallelism; {engines_that_can('sequence_parallel')}",
        fix="write sequence_parallel: false",
    )


def engine_has_parts(case: Case) -> Problem | None:
    """Every part of the model is one that the engine can build; else it would train another model than the page's."""
    missing = case.able.missing(case.features)
    if not missing:
        return None
    able = [name for name, engine in CAPABILITIES.items() if not engine.missing(case.features)]
    return Problem(
        path="parallelism.engine",
        message=f"engine {case.layout.engine} has no {', '.join(missing)}, which this model is made of;"
        f" {f'engine {able[-1]} can' if able else 'no engine of this version can'}",
        fix=f"write engine: {able[-1]}" if able else "choose a family without it",
    )


def engine_keeps_documents_apart(case: Case) -> Problem | None:
    """An engine that cannot would let attention look from one document into another, as if nothing had been said."""
    joined = sorted(case.able.joins & case.features)
    if case.spec.data.documents != "apart" or not joined:
        return None
    able = [name for name, engine in CAPABILITIES.items() if not engine.joins & case.features]
    return Problem(
        path="data.documents",
        message=f"engine {case.layout.engine} cannot keep documents apart in a model with {', '.join(joined)}",
        fix=f"write engine: {able[-1]}, or leave `documents` out" if able else "leave `documents` out",
    )


def recompute_of_engine(case: Case) -> Problem | None:
    """`transformers` recomputes whole layers or none; the attention core alone is Megatron-core's (`recompute_modules`)."""
    mode, modes = case.layout.recompute, case.able.recompute
    if mode in modes:
        return None
    able = [name for name, engine in CAPABILITIES.items() if mode in engine.recompute]
    return Problem(
        path="parallelism.recompute",
        message=f"engine {case.layout.engine} has no recompute {mode}; engine {able[0]} can",
        fix=f"write one of: {', '.join(sorted(modes))}",
    )


def optimizer_of_engine(case: Case) -> Problem | None:
    """Adafactor sums rows and columns of whole matrices; tensor parallelism leaves each rank a slice of them."""
    name = case.spec.training.optimizer.name
    if case.able.zero_stages_of_optimizer[name]:
        return None
    able = [engine for engine, can in CAPABILITIES.items() if can.zero_stages_of_optimizer[name]]
    return Problem(
        path="parallelism.engine",
        message=f"engine {case.layout.engine} has no optimizer {name}, which keeps row and column sums of whole matrices",
        fix=f"write engine: {able[-1]}, or optimizer adamw",
    )


def zero_stage_of_engine(case: Case) -> Problem | None:
    """The engine has the stage. Megatron-core partitions the optimizer only: behind a pipeline, gradients that are
    partitioned per micro-batch would be reduced at every micro-batch (ZeRO, arXiv:1910.02054; DeepSpeed refuses it too)."""
    stages = case.able.zero_stages
    if case.layout.zero in stages:
        return None
    why = ""
    if case.layout.pipeline > 1 and "pipeline" in case.able.axes:
        why = "; partitioned gradients would be reduced at every micro-batch of the pipeline"
    return Problem(
        path="parallelism.zero",
        message=f"engine {case.layout.engine} has no ZeRO stage {case.layout.zero}{why}",
        fix=f"write zero: {max(stages)}, or engine: deepspeed",
    )


def zero_stage_of_optimizer(case: Case) -> Problem | None:
    """The stage can partition what the optimizer keeps."""
    name = case.spec.training.optimizer.name
    legal = case.able.zero_stages_of_optimizer[name]
    if not legal or case.layout.zero in legal or case.layout.zero not in case.able.zero_stages:
        return None
    return Problem(
        path="parallelism.zero",
        message=f"optimizer {name} keeps row and column sums of whole matrices, which ZeRO stage {case.layout.zero}"
        " cuts into flat pieces",
        fix=f"write zero: {max(legal)}, or optimizer adamw",
    )


def offload_is_legal(case: Case) -> Problem | None:
    """Only what ZeRO partitions can be offloaded, and only by an engine that does."""
    layout = case.layout
    if layout.offload not in case.able.offload:
        return Problem(
            path="parallelism.offload",
            message=f"engine {layout.engine} cannot offload {layout.offload}",
            fix="write offload: none, or engine: deepspeed",
        )
    least = {"none": 0, "optimizer": 1, "parameters": 3}[layout.offload]
    if layout.zero >= least:
        return None
    optimizer = case.spec.training.optimizer.name
    able = least in case.able.zero_stages_of_optimizer[optimizer]
    return Problem(
        path="parallelism.offload",
        message=f"offload of the {layout.offload} needs ZeRO stage {least} or more, found stage {layout.zero}",
        fix=f"write zero: {least}" if able else f"write offload: none; optimizer {optimizer} allows no ZeRO",
    )


def precision_is_supported(case: Case) -> Problem | None:
    """The device computes in the precision at all."""
    precision = case.spec.training.precision
    if precision in case.device.supports:
        return None
    return Problem(
        path="training.precision",
        message=f"{case.device.name} has no {precision}; it supports {', '.join(case.device.supports)}",
        fix="write precision: fp32",
    )


def sizes_of_engine(case: Case) -> Problem | None:
    """Megatron-core has one `TransformerConfig` for all layers: one set of sizes, one eps of norms, biases everywhere or
    nowhere. Layers that differ would be built like the first. Their residual may differ."""
    if not case.able.one_size:
        return None
    differ = _differences(case)
    if not differ:
        return None
    able = [name for name, engine in CAPABILITIES.items() if not engine.one_size and not engine.missing(case.features)]
    return Problem(
        path="parallelism.engine",
        message=f"engine {case.layout.engine} has one set of sizes for all layers, and this model's {differ}",
        fix=f"write engine: {able[-1]}" if able else "choose a family whose layers are alike",
    )


def _differences(case: Case) -> str:
    """What is not alike in all layers, in words; empty: nothing."""
    first, architecture = case.blocks[0], case.architecture
    for part in ("attention", "feed_forward", "norm"):
        if any(getattr(block, part) != getattr(first, part) for block in case.blocks):
            return f"layers differ in {part}"
    norms = [first.norm, architecture.final_norm, *([architecture.embedding.norm] if architecture.embedding.norm else [])]
    if len({norm.eps for norm in norms}) > 1:
        return f"norms have eps {', '.join(sorted({f'{norm.eps:g}' for norm in norms}))}"
    biased = isinstance(first.feed_forward, FeedForward) and first.feed_forward.bias
    if biased != first.attention.bias:
        with_bias, without = ("attention", "feed-forward") if first.attention.bias else ("feed-forward", "attention")
        return f"{with_bias} has biases and {without} none"
    return ""
