"""Seconds per step and what they cost: a first estimate from peak FLOP/s and link bandwidth.

It assumes one efficiency for all matrix work and no overlap of communication; it says so wherever it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.planning.devices import Device
from orchestrator.spec.cluster import ClusterSpec

ASSUMED_EFFICIENCY = 0.40
"""Fraction of peak that dense training reaches on well-used devices; published runs lie between 0.3 and 0.55."""


@dataclass(frozen=True, kw_only=True)
class Time:
    """One step at full batch. `mfu` is in PaLM's convention; `cost` in the price's currency, None when no price is said."""

    compute_s: float
    communication_s: float
    step_s: float
    tokens_per_s: float
    mfu: float
    total_s: float
    cost: float | None


def estimate_time(
    *, flops_per_token: int, recompute: str, tokens_per_step: int, total_tokens: int, parameters: int, precision: str,
    zero: int, data: int, world_size: int, device: Device, cluster: ClusterSpec,
) -> Time:  # fmt: skip
    """The estimate for a data-parallel layout."""
    peak = device.peak_at(precision)
    extra = 4 / 3 if recompute == "full" else 1.0
    compute = flops_per_token * extra * tokens_per_step / (world_size * peak * ASSUMED_EFFICIENCY)
    width = 2 if precision == "bf16" else 4
    volume = (3 if zero == 3 else 2) * parameters * width * (data - 1) / data
    bandwidth = device.link_bandwidth
    if world_size > (cluster.node.count or 1) and cluster.network:
        bandwidth = min(bandwidth or float("inf"), cluster.network.bandwidth / (cluster.node.count or 1))
    communication = volume / bandwidth if bandwidth else 0.0
    step = compute + communication
    total = step * total_tokens / tokens_per_step
    price = cluster.price_per_device_hour
    return Time(
        compute_s=compute,
        communication_s=communication,
        step_s=step,
        tokens_per_s=tokens_per_step / step,
        mfu=flops_per_token * tokens_per_step / (step * world_size * peak),
        total_s=total,
        cost=None if price is None else price * world_size * total / 3600,
    )
