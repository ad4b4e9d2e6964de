"""How often to save: mean time between failures, the best interval, and the share of time that is useful.

Saving often costs time, saving seldom loses work. Three published optima weigh the one against the other; they
agree where a save is short against the time between failures, and part where it is not.

    C   seconds that a checkpoint stops training         M   mean seconds between failures of the job
    R   seconds from a failure to the next step of work  tau seconds of work between two saves
"""

from __future__ import annotations

import math

DAY = 86_400.0
_BEYOND = 500.0
"""A stretch of so many mean times between failures never ends: e^500 would not fit in a float with what it is multiplied by."""


def node_mtbf(per_1000_node_days: float) -> float:
    """Mean seconds between failures of one node, infinite at a rate of 0."""
    return 1000 * DAY / per_1000_node_days if per_1000_node_days else math.inf


def job_mtbf(per_1000_node_days: float, nodes: int) -> float:
    """Mean seconds between failures of a job that any one of its nodes stops: M_node / nodes."""
    return node_mtbf(per_1000_node_days) / nodes


def young(save_s: float, mtbf_s: float) -> float:
    """Seconds of work between saves: sqrt(2 C M) (Young 1974)."""
    return math.sqrt(2 * save_s * mtbf_s)


def daly(save_s: float, mtbf_s: float) -> float:
    """Seconds of work between saves to higher order (Daly 2006, doi:10.1016/j.future.2004.11.016); M where saving takes 2 M or more."""
    if save_s >= 2 * mtbf_s:
        return mtbf_s
    if math.isinf(mtbf_s):
        return math.inf
    ratio = save_s / (2 * mtbf_s)
    return young(save_s, mtbf_s) * (1 + math.sqrt(ratio) / 3 + ratio / 9) - save_s


def nvidia(save_s: float, mtbf_s: float, restart_s: float, detection_s: float = 0.0) -> float:
    """Seconds from save to save of highest availability: C + sqrt(2 (M + R) C + C^2) (arXiv:2410.18124).

    A checkpoint younger than the time in which an error is noticed may hold the error: no less than `detection_s`.
    """
    return max(save_s + math.sqrt(2 * (mtbf_s + restart_s) * save_s + save_s**2), detection_s)


def ettr(work_s: float, save_s: float, mtbf_s: float, restart_s: float, unsaved_s: float = 0.0) -> float:
    """Effective training time ratio to first order: 1 - C / (tau + C) - ((tau + C) / 2 + R) / M, no less than 0.

    `unsaved_s`: seconds after the stop until an asynchronous checkpoint is on disk; a failure loses that much more.
    """
    if math.isinf(work_s):
        return 1.0 if math.isinf(mtbf_s) else 0.0
    period = work_s + save_s
    return max(0.0, 1 - save_s / period - (period / 2 + unsaved_s + restart_s) / mtbf_s)


def daly_ettr(work_s: float, save_s: float, mtbf_s: float, restart_s: float) -> float:
    """The same exactly, for failures without memory that strike restarts too (Daly 2006, the same paper).

    A stretch of tau + C takes M e^(R/M) (e^((tau + C)/M) - 1) seconds on average, and tau of it is useful.
    """
    if math.isinf(mtbf_s):
        return work_s / (work_s + save_s)
    if (work_s + save_s + restart_s) / mtbf_s > _BEYOND:
        return 0.0
    stretch = math.expm1((work_s + save_s) / mtbf_s) * math.exp(restart_s / mtbf_s) * mtbf_s
    return work_s / stretch
