"""Seconds per step and what they cost: a first estimate from peak FLOP/s and link bandwidth.

It assumes one efficiency for all matrix work and no overlap of communication; it says so wherever it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.architecture.parts import MixtureOfExperts
from orchestrator.architecture.stack import Architecture
from orchestrator.planning.capabilities import CAPABILITIES
from orchestrator.planning.devices import Device
from orchestrator.planning.layout import Layout
from orchestrator.planning.stage_memory import weights_on_rank
from orchestrator.planning.stages import split
from orchestrator.spec.cluster import ClusterSpec

ASSUMED_EFFICIENCY = 0.40
"""Fraction of peak that dense training reaches on well-used devices; published runs lie between 0.3 and 0.55."""


@dataclass(frozen=True, kw_only=True)
class Time:
    """One step at full batch. `mfu` is in PaLM's convention; `cost` in the price's currency, None when no price is said.

    `bubble_s` is what the pipeline waits while it fills and drains; step = compute + bubble + communication.
    """

    compute_s: float
    bubble_s: float
    communication_s: float
    step_s: float
    tokens_per_s: float
    mfu: float
    total_s: float
    cost: float | None


def estimate_time(
    architecture: Architecture, layout: Layout, *, sequence_length: int, sequences: int, total_tokens: int, precision: str,
    device: Device, cluster: ClusterSpec,
) -> Time:  # fmt: skip
    """The estimate for a layout at its full batch of `sequences`."""
    peak = device.peak_at(precision)
    flops_per_token = architecture.flops_per_token(sequence_length)
    tokens_per_step = sequences * sequence_length
    extra = 4 / 3 if layout.recompute == "full" else 1.0
    compute = flops_per_token * extra * tokens_per_step / (layout.world_size * peak * ASSUMED_EFFICIENCY)
    micro_batches = sequences // (layout.data * layout.micro_batch)
    width = 2 if precision == "bf16" else 4
    across = _bandwidth_across(layout, device, cluster)
    communication = _gradient_bytes(architecture, layout, width) / across if across else 0.0
    if device.link_bandwidth:
        volume = _tensor_bytes(architecture, layout, width * sequence_length) + _expert_bytes(architecture, layout, width * sequence_length)
        communication += micro_batches * volume / device.link_bandwidth
    bubble = compute * bubble_fraction(layout, micro_batches)
    step = compute + bubble + communication
    total = step * total_tokens / tokens_per_step
    price = cluster.price_per_device_hour
    return Time(
        compute_s=compute,
        bubble_s=bubble,
        communication_s=communication,
        step_s=step,
        tokens_per_s=tokens_per_step / step,
        mfu=flops_per_token * tokens_per_step / (step * layout.world_size * peak),
        total_s=total,
        cost=None if price is None else price * layout.world_size * total / 3600,
    )


def bubble_fraction(layout: Layout, micro_batches: int) -> float:
    """Time that a pipeline idles, as a fraction of its compute: (P - 1) / (V m) (Narayanan et al. 2021, section 2.2)."""
    return (layout.pipeline - 1) / (layout.virtual * micro_batches)


def _bandwidth_across(layout: Layout, device: Device, cluster: ClusterSpec) -> float:
    """Bytes per second that one rank has towards its replicas, its node's network being shared by all of its devices."""
    count = cluster.node.count or 1
    if layout.world_size > count and cluster.network:
        return min(device.link_bandwidth or float("inf"), cluster.network.bandwidth / count)
    return device.link_bandwidth


def _gradient_bytes(architecture: Architecture, layout: Layout, width: int) -> float:
    """What one rank sends per step so that replicas agree, on the heaviest stage, in rings of n: bytes x (n - 1) / n.

    ZeRO reduces and gathers in the width of the weights, and at stage 3 gathers once more; an engine that splits
    models reduces fp32 and gathers weights with ZeRO 1, or does both in fp32.
    """
    replicas = layout.data * layout.context
    if not CAPABILITIES[layout.engine].splits_models:
        return (3 if layout.zero == 3 else 2) * architecture.parameters * width * (replicas - 1) / replicas
    per_parameter = 4 + (width if layout.zero else 4)
    expert_replicas = replicas * layout.tensor // (layout.expert * layout.expert_tensor)
    heaviest = max((weights_on_rank(architecture, layout, chunks) for chunks in split(architecture, layout)), key=sum)
    shares = zip(heaviest, (replicas, expert_replicas), strict=True)
    return per_parameter * sum(count * (ranks - 1) / ranks for count, ranks in shares)


def _tensor_bytes(architecture: Architecture, layout: Layout, bytes_per_sequence: int) -> float:
    """What one rank sends per micro-batch within its tensor group: in each layer two all-reduces forward and two
    backward (Megatron-LM, section 3), two more where the forward pass is computed again; each 2 (t - 1) / t of the stream."""
    tensor = layout.tensor
    reduces = 6 if layout.recompute == "full" else 4
    stream = layout.micro_batch * bytes_per_sequence // layout.context * architecture.hidden
    layers = -(-len(architecture.blocks) // layout.pipeline)
    return layers * reduces * stream * 2 * (tensor - 1) / tensor


def _expert_bytes(architecture: Architecture, layout: Layout, bytes_per_sequence: int) -> float:
    """What one rank sends per micro-batch to the experts of others: there and back, forward and backward."""
    expert = layout.expert
    stream = layout.micro_batch * bytes_per_sequence // layout.context * architecture.hidden / layout.tensor
    sent = sum(
        4 * block.feed_forward.router.per_token * stream
        for block in architecture.blocks if isinstance(block.feed_forward, MixtureOfExperts)
    )  # fmt: skip
    return sent / layout.pipeline * (expert - 1) / expert
