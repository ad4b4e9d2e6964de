"""Which held-out windows a run is judged on: fixed by the data alone, never by the seed.

A validation loss that depends on the seed, or on how many windows were asked for, cannot be compared from run to run.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_pipeline.order.shuffle import key_of, keys_of, permute
from orchestrator.errors import DataError


def validation_windows(
    *,
    tokens_per_source: Sequence[int],
    weights: Sequence[float],
    sequence_length: int,
    samples: int,
    fingerprint: str,
) -> tuple[np.ndarray, np.ndarray]:
    """The first `samples` windows of the held-out tokens -> (source int64[n], first token int64[n]).

    The order is fixed by the data alone, so every seed is judged on the same windows, and more samples
    only add to fewer. Sources take turns by their weights for as long as they have windows; windows
    never overlap in what they predict. n is smaller than `samples` when there are no more.
    """
    windows = [max(tokens - 1, 0) // sequence_length for tokens in tokens_per_source]
    if not sum(windows):
        raise DataError(
            f"no source has more than {max(tokens_per_source):,} held-out tokens, and one sample takes "
            f"{sequence_length + 1:,}; raise validation.fraction, or lower sequence_length"
        )
    taken = [0] * len(windows)
    turns = []
    for _ in range(min(samples, sum(windows))):
        owed = {s: (taken[s] + 1) / weights[s] for s in range(len(windows)) if taken[s] < windows[s]}
        source = min(owed, key=lambda s: (owed[s], s))
        turns.append((source, taken[source]))
        taken[source] += 1
    sources, places = np.array(turns, dtype=np.int64).T
    key = key_of(f"validation 1\n{fingerprint}")
    starts = np.empty_like(places)
    for source in np.unique(sources):
        chosen = sources == source
        keys = keys_of(key, sources[chosen], domain=0)
        starts[chosen] = permute(places[chosen], windows[source], keys) * sequence_length
    return sources, starts


