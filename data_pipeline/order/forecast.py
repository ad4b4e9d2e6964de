"""What a run of so many samples will take from each source, exactly, before it begins.

A source that is seen five times over, or dries up in the middle, is best found out before the devices are
taken. The counts are those of the order itself, worked out from its segments: at most one block is walked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from data_pipeline.order.samples import SampleOrder
from orchestrator.errors import DataError


@dataclass(frozen=True, kw_only=True)
class SourceForecast:
    """What one source gives: `tokens` are those predicted, `epochs` those tokens by the tokens of its chunks.

    `share` is its part of all tokens of the forecast; `cap` its epochs at most (None: any number), `capped_at` the first
    sample after it has given them, if the run comes that far.
    """

    name: str
    samples: int
    tokens: int
    share: float
    epochs: float
    cap: float | None
    capped_at: int | None


def forecast(order: SampleOrder, samples: int) -> tuple[SourceForecast, ...]:
    """The first `samples` samples, source by source. Raises DataError when the order has fewer, and says what ends it."""
    if order.samples is not None and samples > order.samples:
        raise DataError(f"the run asks for {samples:,} samples: {order.why_it_ends}")
    counts, tokens = taken(order, samples)
    whole = max(int(tokens.sum()), 1)
    epochs = tokens / np.maximum(order.chunks * order.chunk_tokens, 1)
    return tuple(
        SourceForecast(
            name=name,
            samples=int(counts[source]),
            tokens=int(tokens[source]),
            share=float(tokens[source] / whole),
            epochs=float(epochs[source]),
            cap=order.caps[source] if order.caps else None,
            capped_at=at if (at := order.dropped.get(source)) is not None and at <= samples else None,
        )
        for source, name in enumerate(order.names)
    )


def epochs_reached(order: SampleOrder, source: int, samples: int) -> range:
    """The epochs in which the first `samples` samples, or as many as there are, may read a source."""
    most = samples if order.samples is None else min(samples, order.samples)
    return range(math.floor(forecast(order, most)[source].epochs) + 2)  # two may meet inside a block


def taken(order: SampleOrder, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """(samples, predicted tokens) of each source among the first `samples`, int64[sources] each."""
    counts = np.zeros(len(order.names), dtype=np.int64)
    tokens = np.zeros_like(counts)
    for segment in order.segments:
        here = min(samples - segment.first, segment.samples or samples)
        if here <= 0:
            break
        blocks = np.array([segment.blocks_within(here // segment.parts)], dtype=np.int64)
        walked = int(segment.chunks_before(blocks)[0]) * segment.parts
        rest = order.locate(np.arange(segment.first + walked, segment.first + here))[0]
        more = segment.given(blocks)[0] * segment.parts + np.bincount(rest, minlength=len(counts))
        counts += more
        tokens += more * segment.sequence_length
    return counts, tokens
