"""`auto` -> numbers: the layout that the page left open, in the order a person would settle it.

Engine; then how many devices take part (the most whose number divides the batch at every step of its
ramp-up); then the lowest ZeRO stage that fits; then the largest micro-batch that fits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.architecture.stack import Architecture
from orchestrator.errors import PlanError, Problem
from orchestrator.planning.capabilities import CAPABILITIES
from orchestrator.planning.devices import Device
from orchestrator.planning.layout import Layout
from orchestrator.planning.memory import Memory, estimate_memory
from orchestrator.planning.rules import Case, batch_sizes_gcd, check, divisors
from orchestrator.spec.run import RunSpec
from orchestrator.units import format_bytes

MOST_TOKENS_PER_MICRO_BATCH = 2**15


def choose_layout(spec: RunSpec[Any], architecture: Architecture, device: Device, devices: int) -> tuple[Layout, tuple[str, ...]]:
    """The layout for `devices` devices and the reasons for what was chosen. Raises PlanError if none is legal or fits."""
    said = spec.parallelism
    reasons: list[str] = []
    engine = "deepspeed" if said.engine == "auto" else said.engine
    tensor, pipeline, context = said.tensor or 1, said.pipeline or 1, said.context or 1
    common = batch_sizes_gcd(spec)
    data = said.data
    if data is None:
        most = max(1, devices // (tensor * pipeline * context)) if "data" in CAPABILITIES[engine].axes else 1
        data = max(divisors(max(1, common // (said.micro_batch or 1)), at_most=most), default=1)
        reasons.append(f"data {data}: the most of {devices} devices whose number divides the batch")
        taken = data * tensor * pipeline * context
        if taken < devices and engine != "reference":
            idle = devices - taken
            reasons.append(f"{idle} of {devices} devices stay idle: batch sizes have the common divisor {common}")
    stages = _stages(spec, engine, data)
    layout = Layout(
        engine=engine, data=data, tensor=tensor, pipeline=pipeline, micro_batch=said.micro_batch or 1,
        zero=stages[0], offload=said.offload, recompute=said.recompute, context=context, virtual=said.virtual,
        expert=said.expert or 1, expert_tensor=said.expert_tensor or tensor,
        sequence_parallel=tensor > 1 if said.sequence_parallel is None else said.sequence_parallel,
    )  # fmt: skip
    check(Case(spec=spec, layout=layout, architecture=architecture, device=device, devices=devices))
    fitting = [stage for stage in stages if _fits(replace(layout, zero=stage), spec, architecture, device)]
    if not fitting:
        raise PlanError([_does_not_fit(layout, spec, architecture, device)])
    layout = replace(layout, zero=fitting[0])
    if said.zero is None:
        alone = layout.data == 1 and layout.zero == 0
        reasons.append("ZeRO 0: one rank has nothing to partition" if alone else f"ZeRO {layout.zero}: the lowest stage that fits")
    if said.micro_batch is None:
        most = max(1, MOST_TOKENS_PER_MICRO_BATCH // spec.data.sequence_length)
        sizes = [replace(layout, micro_batch=size) for size in divisors(common // data, at_most=most)]
        layout = [candidate for candidate in sizes if _fits(candidate, spec, architecture, device)][-1]
        reasons.append(f"micro-batch {layout.micro_batch}: the largest that fits and divides the batch")
    return layout, tuple(reasons)


def memory_of(layout: Layout, spec: RunSpec[Any], architecture: Architecture, device: Device) -> Memory:
    """Bytes per rank of a layout."""
    return estimate_memory(
        architecture, engine=layout.engine, device=device.kind, precision=spec.training.precision,
        optimizer=spec.training.optimizer.name, zero=layout.zero, offload=layout.offload, data=layout.data,
        micro_batch=layout.micro_batch, sequence_length=spec.data.sequence_length, recompute=layout.recompute,
    )  # fmt: skip


def _stages(spec: RunSpec[Any], engine: str, data: int) -> list[int]:
    """ZeRO stages to try, best first: the one that was said, or those legal for engine and optimizer."""
    if spec.parallelism.zero is not None:
        return [spec.parallelism.zero]
    legal = CAPABILITIES[engine].zero_stages_of_optimizer[spec.training.optimizer.name]
    least = {"none": 0 if data == 1 else 1, "optimizer": 1, "parameters": 3}[spec.parallelism.offload]
    return sorted(stage for stage in legal if stage >= least) or [max(legal)]


def _fits(layout: Layout, spec: RunSpec[Any], architecture: Architecture, device: Device) -> bool:
    return memory_of(layout, spec, architecture, device).total <= device.memory


def _does_not_fit(layout: Layout, spec: RunSpec[Any], architecture: Architecture, device: Device) -> Problem:
    """Why the layout does not fit, and the nearest change that does."""
    stages = CAPABILITIES[layout.engine].zero_stages_of_optimizer[spec.training.optimizer.name]
    most = max(stages) if layout.data > 1 else layout.zero
    best = replace(layout, zero=most if spec.parallelism.zero is None else spec.parallelism.zero)
    need = memory_of(best, spec, architecture, device)
    parts = ", ".join(
        f"{name} {format_bytes(getattr(need, name))}" for name in ("weights", "gradients", "optimizer", "activations", "logits")
    )
    message = (
        f"does not fit: {format_bytes(need.total)} per rank ({parts}) at ZeRO {best.zero}, micro-batch {best.micro_batch},"
        f" on {layout.world_size} x {device.name} with {format_bytes(device.memory)} each"
    )
    widest = replace(best, zero=max(stages), micro_batch=1, recompute="full")
    changes = [
        ("micro_batch: 1", replace(best, micro_batch=1)),
        (f"zero: {most}", replace(best, zero=most)),
        ("recompute: full", replace(best, recompute="full")),
        (f"zero: {most}, recompute: full", replace(best, zero=most, recompute="full")),
        (f"zero: {most}, recompute: full, micro_batch: 1", replace(widest, zero=most)),
    ]
    if 3 in stages and device.kind == "cuda":
        changes.append(("zero: 3, recompute: full, offload: optimizer", replace(widest, offload="optimizer")))
    for words, candidate in changes:
        if candidate != best and _fits(candidate, spec, architecture, device):
            return Problem(path="parallelism", message=message, fix=f"it fits with parallelism: {{{words}}}")
    for power in range(1, 15):
        candidate = replace(widest, data=layout.data * 2**power)
        if _fits(candidate, spec, architecture, device):
            words = f"it fits on {candidate.world_size} devices with zero: {widest.zero}, recompute: full"
            return Problem(path="parallelism", message=message, fix=words)
    fix = "take a smaller model or larger devices: no number of these holds it with this engine"
    return Problem(path="parallelism", message=message, fix=fix)
