"""What a page may not say whatever the hardware: rules that look at nothing but the page."""

from __future__ import annotations

from typing import Any

from orchestrator.architecture.stack import Architecture
from orchestrator.errors import Problem
from orchestrator.planning.batch import BatchPlan, segments_of
from orchestrator.planning.schedule import resolve_schedule
from orchestrator.spec.run import RunSpec


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


def live_keeps_its_own_order(spec: RunSpec[Any], architecture: Architecture) -> Problem | None:
    if not spec.data.live or spec.data.order is None:
        return None
    return Problem(
        path="data.order",
        message=f"{spec.data.order} shuffles all documents at once, and with data.live they are not all there",
        fix="leave out order, or write live: false",
    )


def packing_is_of_its_own_order(spec: RunSpec[Any], architecture: Architecture) -> Problem | None:
    if spec.data.packing is None or spec.data.order is None:
        return None
    return Problem(
        path="data.packing",
        message=f"{spec.data.packing} puts whole documents into samples, and order {spec.data.order} cuts a stream of them",
        fix="leave out packing, or leave out order",
    )


def packing_knows_all_documents(spec: RunSpec[Any], architecture: Architecture) -> Problem | None:
    if spec.data.packing is None or not spec.data.live:
        return None
    return Problem(
        path="data.packing",
        message=f"{spec.data.packing} packs the documents of whole shards, and with data.live they are not all there",
        fix="leave out packing, or write live: false",
    )


def live_data_is_prepared_here(spec: RunSpec[Any], architecture: Architecture) -> Problem | None:
    if not spec.data.live or spec.data.prepared is None:
        return None
    return Problem(
        path="data.prepared",
        message=f"{spec.data.prepared} was prepared elsewhere, and data.live prepares the mixture while the run trains",
        fix="leave out prepared, or write live: false",
    )


PAGE_RULES = (
    published_parameters, sequence_fits_positions, decay_follows_warmup, live_keeps_its_own_order, live_data_is_prepared_here,
    packing_is_of_its_own_order, packing_knows_all_documents,
)  # fmt: skip
