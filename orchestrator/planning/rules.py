"""What is legal, as one table: each rule looks at a case and returns its complaint, or nothing.

Illegal combinations used to surface after allocation, on the fourteenth rank, in a library's words. Here
they end the plan, with the numbers and the nearest legal change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from orchestrator.architecture.stack import Architecture
from orchestrator.errors import PageError, PlanError, Problem
from orchestrator.planning.batch import BatchPlan, segments_of
from orchestrator.planning.capabilities import CAPABILITIES
from orchestrator.planning.devices import Device
from orchestrator.planning.layout import Layout
from orchestrator.planning.schedule import resolve_schedule
from orchestrator.spec.run import RunSpec


@dataclass(frozen=True, kw_only=True)
class Case:
    """Everything a rule may look at."""

    spec: RunSpec[Any]
    layout: Layout
    architecture: Architecture
    device: Device
    devices: int
    """Devices that exist."""


Rule = Callable[[Case], Problem | None]


def check(case: Case) -> None:
    """Raises PageError when the page contradicts itself, else PlanError with every rule that the case breaks."""
    check_page(case.spec)
    complaints = [complaint for rule in RULES if (complaint := rule(case))]
    if complaints:
        raise PlanError(complaints)


def check_page(spec: RunSpec[Any]) -> None:
    """Raises PageError with every rule broken that looks at nothing but the page."""
    architecture = spec.model.architecture()
    complaints = [complaint for rule in PAGE_RULES if (complaint := rule(spec, architecture))]
    if complaints:
        raise PageError(complaints)


def published_parameters(spec: RunSpec[Any], architecture: Architecture) -> Problem | None:
    published = spec.published
    counted = architecture.parameters
    if published is None or published.parameters == counted:
        return None
    return Problem(
        path="published.parameters",
        message=f"says {published.parameters:,}, and the model of this page has {counted:,}"
        f" ({counted - published.parameters:+,})",
        fix="correct the sizes under `model`, or the published number",
    )


def sequence_fits_positions(spec: RunSpec[Any], architecture: Architecture) -> Problem | None:
    length, positions = spec.data.sequence_length, architecture.max_positions
    if length <= positions:
        return None
    return Problem(
        path="data.sequence_length",
        message=f"{length} exceeds the model's {positions} positions",
        fix=f"write sequence_length: {positions}, or raise model.max_positions",
    )


def engine_has_axis(case: Case) -> Problem | None:
    axes = CAPABILITIES[case.layout.engine].axes
    for axis in ("data", "tensor", "pipeline"):
        degree = getattr(case.layout, axis)
        if degree > 1 and axis not in axes:
            able = [name for name, engine in CAPABILITIES.items() if axis in engine.axes]
            who = f"engine {able[0]} can" if able else "no engine of this version can"
            return Problem(
                path=f"parallelism.{axis}",
                message=f"engine {case.layout.engine} has no {axis} parallelism, found degree {degree}; {who}",
                fix=f"write {axis}: 1",
            )
    return None


def world_fits(case: Case) -> Problem | None:
    if case.layout.world_size <= case.devices:
        return None
    rest = case.devices // (case.layout.tensor * case.layout.pipeline)
    fix = f"write data: {_divisor_below(case, rest)}" if rest else "lower tensor or pipeline"
    return Problem(
        path="parallelism.data",
        message=f"{case.layout.product} devices are asked for and the cluster has {case.devices}",
        fix=f"{fix}, or add nodes",
    )


def batch_divides(case: Case) -> Problem | None:
    layout = case.layout
    share = layout.data * layout.micro_batch
    ramps = case.spec.training.batch.ramp_up is not None
    for segment in segments_of(case.spec.training.batch):
        if segment.sequences % share:
            where = f"the batch of {segment.sequences} sequences"
            where += f" that the ramp-up takes from step {segment.first_step}" if ramps else ""
            below, above = segment.sequences // share * share, -(-segment.sequences // share) * share
            near = " or ".join(str(size) for size in (below, above) if size)
            legal = ", ".join(str(size) for size in _legal_micro_batches(case))
            micro = f"legal micro_batch with data {layout.data}: {legal}" if legal else f"or write data: {_divisor_below(case, layout.data)}"
            return Problem(
                path="training.batch.ramp_up" if ramps else "training.batch.sequences",
                message=f"{where} is not a multiple of micro_batch {layout.micro_batch} x data {layout.data} = {share}",
                fix=f"nearest batches: {near}; {micro}",
            )
    return None


def zero_stage_of_engine(case: Case) -> Problem | None:
    stages = CAPABILITIES[case.layout.engine].zero_stages
    if case.layout.zero in stages:
        return None
    return Problem(
        path="parallelism.zero",
        message=f"engine {case.layout.engine} has no ZeRO stage {case.layout.zero}",
        fix=f"write zero: {min(stages)}, or engine: deepspeed",
    )


def zero_stage_of_optimizer(case: Case) -> Problem | None:
    name = case.spec.training.optimizer.name
    legal = CAPABILITIES[case.layout.engine].zero_stages_of_optimizer[name]
    if case.layout.zero in legal or case.layout.zero not in CAPABILITIES[case.layout.engine].zero_stages:
        return None
    return Problem(
        path="parallelism.zero",
        message=f"optimizer {name} keeps row and column sums of whole matrices, which ZeRO stage {case.layout.zero}"
        " cuts into flat pieces",
        fix=f"write zero: {max(legal)}, or optimizer adamw",
    )


def offload_is_legal(case: Case) -> Problem | None:
    layout = case.layout
    if layout.offload not in CAPABILITIES[layout.engine].offload:
        return Problem(
            path="parallelism.offload",
            message=f"engine {layout.engine} cannot offload {layout.offload}",
            fix="write offload: none, or engine: deepspeed",
        )
    least = {"none": 0, "optimizer": 1, "parameters": 3}[layout.offload]
    if layout.zero >= least:
        return None
    optimizer = case.spec.training.optimizer.name
    able = least in CAPABILITIES[layout.engine].zero_stages_of_optimizer[optimizer]
    return Problem(
        path="parallelism.offload",
        message=f"offload of the {layout.offload} needs ZeRO stage {least} or more, found stage {layout.zero}",
        fix=f"write zero: {least}" if able else f"write offload: none; optimizer {optimizer} allows no ZeRO",
    )


def precision_is_supported(case: Case) -> Problem | None:
    precision = case.spec.training.precision
    if precision in case.device.supports:
        return None
    return Problem(
        path="training.precision",
        message=f"{case.device.name} has no {precision}; it supports {', '.join(case.device.supports)}",
        fix="write precision: fp32",
    )


def decay_follows_warmup(spec: RunSpec[Any], architecture: Architecture) -> Problem | None:
    training = spec.training
    if training.schedule.decay is None or training.schedule.name == "wsd":
        return None
    batch = BatchPlan(
        segments=segments_of(training.batch), sequence_length=spec.data.sequence_length, data=1, micro_batch=1
    )
    schedule = resolve_schedule(training.schedule, training.optimizer.lr, batch, total_steps=0)
    if schedule.decay_end > schedule.warmup:
        return None
    return Problem(
        path="training.schedule.decay",
        message=f"ends at {training.schedule.decay}, when the warm-up of {training.schedule.warmup} is not over",
        fix="write a decay beyond the warm-up; it counts from the beginning of the run",
    )


PAGE_RULES = (published_parameters, sequence_fits_positions, decay_follows_warmup)

RULES: tuple[Rule, ...] = (
    engine_has_axis,
    zero_stage_of_engine,
    zero_stage_of_optimizer,
    offload_is_legal,
    precision_is_supported,
    world_fits,
    batch_divides,
)


def batch_sizes_gcd(spec: RunSpec[Any]) -> int:
    """The largest number that divides the batch of every step of the ramp-up."""
    return math.gcd(*(segment.sequences for segment in segments_of(spec.training.batch)))


def divisors(number: int, *, at_most: int) -> list[int]:
    """Divisors of `number` up to `at_most`, ascending."""
    low = [d for d in range(1, math.isqrt(number) + 1) if number % d == 0]
    return sorted({d for small in low for d in (small, number // small) if d <= at_most})


def _legal_micro_batches(case: Case) -> Iterable[int]:
    common = batch_sizes_gcd(case.spec)
    return divisors(common // case.layout.data, at_most=64) if common % case.layout.data == 0 else ()


def _divisor_below(case: Case, most: int) -> int:
    common = batch_sizes_gcd(case.spec)
    share = case.layout.micro_batch
    return max(divisors(max(1, common // share), at_most=most), default=1)

