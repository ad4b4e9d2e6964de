"""Seconds of one optimizer step, by what takes them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from orchestrator.architecture.parts import MixtureOfExperts
from orchestrator.architecture.stack import Architecture
from orchestrator.planning.capabilities import CAPABILITIES
from orchestrator.planning.flops import flops_per_token
from orchestrator.planning.hardware import Hardware
from orchestrator.planning.layout import Layout
from orchestrator.planning.memory.split import weights_on_rank
from orchestrator.planning.stages import split
from orchestrator.planning.work import Work


@dataclass(frozen=True, kw_only=True)
class StepTime:
    """Seconds on the path that the step waits for; the parts add up to `total`. Communication: what is not hidden.

    products: matrix products, forward and backward; recomputed: the forward passes that are taken again;
    attention: scores and weighted values; elementwise: memory-bound operations; launches: waiting for the host;
    tensor, context, expert: exchanges inside a layer; bubble: idle pipeline stages; sends: between stages;
    gradients: reducing them over replicas; gathers: weights from their partitions; optimizer: its step;
    other: what no layout changes.
    """

    products: float = 0.0
    attention: float = 0.0
    elementwise: float = 0.0
    recomputed: float = 0.0
    launches: float = 0.0
    tensor: float = 0.0
    context: float = 0.0
    expert: float = 0.0
    bubble: float = 0.0
    sends: float = 0.0
    gradients: float = 0.0
    gathers: float = 0.0
    optimizer: float = 0.0
    other: float = 0.0

    @property
    def total(self) -> float:
        return sum(asdict(self).values())


def step_time(work: Work, hardware: Hardware) -> StepTime:
    """One optimizer step of `work` at its full batch."""
    architecture, layout, known = work.architecture, work.layout, hardware.calibration
    speed = layout.world_size * hardware.device.peak_at(work.precision) * known.matmul_efficiency
    products = flops_per_token(architecture, work.sequence_length, "torchtitan") * work.tokens / speed
    recomputed = products / 3 if layout.recompute == "full" else 0.0
    across = hardware.network_bandwidth if layout.world_size > hardware.domain else hardware.link_bandwidth
    gradients = _gradient_bytes(architecture, layout, work.width) / across if across else 0.0
    tensor = expert = 0.0
    if hardware.link_bandwidth:
        moved = work.micro_batches / hardware.link_bandwidth
        tensor = moved * _tensor_bytes(architecture, layout, work.width * work.sequence_length)
        expert = moved * _expert_bytes(architecture, layout, work.width * work.sequence_length)
    bubble = (products + recomputed + tensor + expert) * bubble_fraction(layout, work.micro_batches)
    return StepTime(
        products=products, recomputed=recomputed, tensor=tensor, expert=expert, bubble=bubble, gradients=gradients,
        other=known.step_overhead_s,
    )  # fmt: skip


def bubble_fraction(layout: Layout, micro_batches: int) -> float:
    """Time that a pipeline idles, as a fraction of its compute: (P - 1) / (V m) (Narayanan et al. 2021, section 2.2)."""
    return (layout.pipeline - 1) / (layout.virtual * micro_batches)


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
