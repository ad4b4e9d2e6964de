"""Devices and batches: the product of the axes against what exists, and batch identity at every step of the ramp-up."""

from __future__ import annotations

from orchestrator.errors import Problem
from orchestrator.planning.batch import segments_of
from orchestrator.planning.rules.case import Case, batch_sizes_gcd, divisors


def world_fits(case: Case) -> Problem | None:
    """The product of the axes is at most the devices that exist."""
    layout = case.layout
    if layout.world_size <= case.devices:
        return None
    rest = case.devices // (layout.tensor * layout.pipeline * layout.context)
    fix = f"write data: {_divisor_below(case, rest)}" if rest else "lower tensor, pipeline or context"
    return Problem(
        path="parallelism.data",
        message=f"{layout.product} devices are asked for and the cluster has {case.devices}",
        fix=f"{fix}, or add nodes: it takes {-(-layout.world_size // case.per_node)} of {case.per_node}",
    )


def batch_divides(case: Case) -> Problem | None:
    """sequences = micro_batch x data x accumulation at every step: a ramp-up that misses it fails hours into the run."""
    layout = case.layout
    share = layout.data * layout.micro_batch
    if batch_sizes_gcd(case.spec) % share == 0:
        return None
    ramps = case.spec.training.batch.ramp_up is not None
    segment = next(segment for segment in segments_of(case.spec.training.batch) if segment.sequences % share)
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


def interleaved_rounds_are_whole(case: Case) -> Problem | None:
    """With virtual stages the micro-batches of a step come in groups of `pipeline`, and Megatron-core refuses a broken
    last group (`forward_backward_pipelining_with_interleaving` of 0.16.1), at the first step of the ramp-up that has one."""
    layout = case.layout
    share = layout.data * layout.micro_batch
    common = batch_sizes_gcd(case.spec)
    if layout.virtual == 1 or common % share or common % (share * layout.pipeline) == 0:
        return None
    segment = next(
        segment for segment in segments_of(case.spec.training.batch) if segment.sequences // share % layout.pipeline
    )
    ramps = case.spec.training.batch.ramp_up is not None
    return Problem(
        path="parallelism.virtual",
        message=f"virtual {layout.virtual} needs a multiple of pipeline {layout.pipeline} micro-batches per step, and the batch of"
        f" {segment.sequences} sequences{f' from step {segment.first_step}' if ramps else ''} has {segment.sequences // share}"
        f" (micro_batch {layout.micro_batch} x data {layout.data})",
        fix="write virtual: 1, or a data, micro_batch or pipeline that divides it",
    )


def _legal_micro_batches(case: Case) -> list[int]:
    common = batch_sizes_gcd(case.spec)
    return divisors(common // case.layout.data, at_most=64) if common % case.layout.data == 0 else []


def _divisor_below(case: Case, most: int) -> int:
    common = batch_sizes_gcd(case.spec)
    share = case.layout.micro_batch
    return max(divisors(max(1, common // share), at_most=most), default=1)
