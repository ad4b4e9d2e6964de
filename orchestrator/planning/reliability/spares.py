"""How many spare nodes suffice: as many as are in repair at once, with great probability.

Where failures have no memory, the number of nodes in repair is Poisson distributed around rate x repair time
(Palm's theorem), whatever the repair times look like.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from orchestrator.planning.reliability.conditions import DAY, Hazard

CERTAINTY = 0.99


def spares_that_suffice(hazards: Sequence[Hazard], nodes: int, repair_s: float, certainty: float = CERTAINTY) -> int:
    """Spare nodes with which a run on `nodes` does not wait at a random moment, with probability `certainty`.

    Hazards that take several nodes at once, as switches do, are counted apart and added, which is more than enough.
    """
    repairs: dict[int, float] = {}
    for hazard in hazards:
        repairs[hazard.takes] = repairs.get(hazard.takes, 0.0) + hazard.per_1000_node_days / (1000 * DAY) * nodes * repair_s
    return sum(takes * _quantile(mean, certainty) for takes, mean in repairs.items() if takes)


def _quantile(mean: float, certainty: float) -> int:
    """The least k that a Poisson variable of this mean does not exceed with probability `certainty`."""
    if mean > 500:  # e^-mean leaves the range of floats further on; by then the distribution is normal
        return math.ceil(mean + 3.1 * math.sqrt(mean))
    count, term = 0, math.exp(-mean)
    total = term
    while total < certainty:
        count += 1
        term *= mean / count
        total += term
    return count
