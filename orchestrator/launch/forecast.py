"""How often each source will have been read when the run ends, told before it begins.

Weights are chosen on paper, and what they mean in epochs depends on how much text each source turned out to have. Text that is
read more than about four times adds little (Muennighoff et al. 2023, arXiv:2305.16264); a source that is gets an alarm.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data_pipeline.order.forecast import SourceForecast, forecast
from data_pipeline.prepared import Prepared
from data_pipeline.stored.orders import own_order, packed_order
from data_pipeline.stored.storage import Storage
from orchestrator.planning import Plan
from orchestrator.units import format_count

ENOUGH = 4.0
"""Epochs after which reading a text again teaches little."""
_SHOWN = 8


def forecast_of(prepared: Prepared, plan: Plan) -> tuple[SourceForecast, ...]:
    """Exact counts of the whole run. Raises DataError where the order has fewer samples than the run takes."""
    batch = plan.spec.training.batch.sequences
    order = own_order(prepared, sequence_length=plan.spec.data.sequence_length, seed=plan.seed, batch=batch)
    return forecast(order.samples, plan.batch.samples_after(plan.total_steps))


def packed_forecast(prepared: Prepared, storage: Storage, plan: Plan, cache: Path) -> tuple[tuple[SourceForecast, ...], float]:
    """The same of packed samples, and the part of all places that is padding. Packs the documents, and keeps that in `cache`."""
    batch, length = plan.spec.training.batch.sequences, plan.spec.data.sequence_length
    order = packed_order(prepared, storage, sequence_length=length, seed=plan.seed, batch=batch, cache=cache)
    return forecast(order.samples, plan.batch.samples_after(plan.total_steps)), order.padding


def told(sources: tuple[SourceForecast, ...]) -> Iterator[str]:
    """Lines for people: shares and epochs of the largest sources, then what should be looked at."""
    ordered = sorted(sources, key=lambda source: -source.tokens)
    shown = ", ".join(f"{each.name} {format_count(each.tokens)} ({each.share:.1%}, {each.epochs:.3g} epochs)" for each in ordered[:_SHOWN])
    more = f", and {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else ""
    yield f"the run will read {shown}{more}"
    for each in ordered:
        if each.capped_at is not None:
            yield f"{each.name} reaches its max_epochs of {each.cap:g} at sample {each.capped_at:,}; from there the others share its weight"
        elif each.epochs > ENOUGH:
            fix = f"lower its weight, or write `max_epochs: {ENOUGH:g}` at the source"
            yield f"alarm: {each.name} would be read {each.epochs:.3g} times, and more than {ENOUGH:g} teach little; {fix}"
    if left := [each.name for each in ordered if not each.samples]:
        yield f"not read at all: {', '.join(left[:_SHOWN])}{' and others' if len(left) > _SHOWN else ''}"
