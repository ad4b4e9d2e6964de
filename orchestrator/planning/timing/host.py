"""One step on CPU cores: nothing runs behind anything, and workers that outnumber the cores take turns.

A GPU's host runs ahead, so that its Python costs nothing while the device is busy. Here host and device are one: each
operation is started and done before the next, every exchange is copied through a socket by the cores that compute, and
a worker that waits leaves its core to another. So a step takes the longer of two times:

    the path     what the slowest rank does one after the other, pipelined stages in turn
    the cores    what all ranks of a node do together, divided by its cores

Python's own time is measured per engine (`calibration.host`), since hooks and wrappers differ tenfold between stages of
ZeRO; where it was not, operations are counted and taken at `launch_overhead_s` each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orchestrator.architecture.parts import MixtureOfExperts, Norm, RMSNorm
from orchestrator.architecture.stack import Block
from orchestrator.planning.calibration import HostCost
from orchestrator.planning.capabilities import CAPABILITIES
from orchestrator.planning.hardware import Hardware
from orchestrator.planning.shares import counted, on_rank
from orchestrator.planning.stages import Chunk
from orchestrator.planning.timing.gloo import NOTHING, Exchange, Gloo, gloo_of
from orchestrator.planning.timing.head import embedding_cost, head_cost
from orchestrator.planning.timing.layer import BlockCost, Pass, Slice, block_cost
from orchestrator.planning.timing.optimizer import held_of, state_bytes
from orchestrator.planning.timing.products import Product, Unit
from orchestrator.planning.work import Work

STEP_EXCHANGES = 6
"""Small all-reduces of a step beside the engine's: loss, gradient norm, the ranks' agreement to go on."""
NORM_BYTES = 8
"""Per parameter: its gradient is read for the norm, and read or written for the clip."""
EXPERTS_TO_DENSE = 3.0
"""Operations of a block with experts to those of a dense one (layer.py: 18, and 35 more)."""


@dataclass
class Busy:
    """Seconds of one rank for one micro-batch: of computing by kind, and of exchanges."""

    products: float = 0.0
    attention: float = 0.0
    elementwise: float = 0.0
    recomputed: float = 0.0
    launches: float = 0.0
    tensor: Exchange = NOTHING
    context: Exchange = NOTHING
    expert: Exchange = NOTHING

    @property
    def computing(self) -> float:
        return self.products + self.attention + self.elementwise + self.recomputed + self.launches

    @property
    def total(self) -> float:
        return self.computing + self.tensor.busy + self.context.busy + self.expert.busy


@dataclass(frozen=True, kw_only=True)
class Host:
    """The cores of a node, and the workers that share them."""

    hardware: Hardware
    workers: int
    cores: int

    @property
    def threads(self) -> int:
        """Of a worker; cores are shared out among the devices of a node, used or not (launch/foreground.py)."""
        return max(1, self.cores // self.hardware.per_node)

    @property
    def gloo(self) -> Gloo:
        return gloo_of(self.hardware.calibration, self.hardware.link_bandwidth, crowded=self.workers > self.cores)

    @property
    def unit(self) -> Unit:
        """What multiplies for one worker while it has its cores."""
        device, share = self.hardware.device, max(1.0, self.hardware.per_node / self.cores)
        return Unit(
            peak=device.peak_at("fp32") * share * self.threads, sms=1, bandwidth=device.memory_bandwidth * self.threads,
            operand=4, result=4,
        )  # fmt: skip


def host_step(work: Work, hardware: Hardware) -> Mapping[str, float]:
    """Seconds by the names of StepTime's parts, for workers on CPU cores."""
    layout, turns = work.layout, work.micro_batches
    host = Host(hardware=hardware, workers=min(layout.world_size, hardware.per_node), cores=hardware.cores or hardware.per_node)
    part = _slice(work, host)
    cost = _cost_of(work, hardware)
    stages = [_stage(work, host, chunks, part, cost) for chunks in work.stages]
    slowest = max(stages, key=lambda busy: busy.total)
    passed = _sends(work, host)
    bubble = sum(busy.total for busy in stages) - slowest.total + (layout.pipeline - 1) * passed.busy
    weights = max((on_rank(work.architecture, layout, chunks) for chunks in work.stages), key=sum)
    exchanged, computed = _exchanged(work, host, weights), _computed(work, host, weights, cost)
    once = sum(computed.values()) + sum(each.busy for each in exchanged.values())
    path = turns * (slowest.total + passed.busy) + bubble + once
    ranks = host.workers / layout.pipeline
    together = ranks * sum(turns * (busy.total + passed.busy) + once for busy in stages) / host.cores
    scale = max(1.0, together / path)
    computing = {name: turns * getattr(slowest, name) for name in ("products", "attention", "elementwise", "recomputed", "launches")}
    inside = {name: turns * getattr(slowest, name) for name in ("tensor", "context", "expert")}
    exchanges = {**inside, "sends": turns * passed, **exchanged}
    parts = {name: scale * seconds for name, seconds in (computing | computed | {"bubble": bubble}).items()}
    named = {name: scale * each.busy + each.waits for name, each in exchanges.items()}
    return _summed(parts, named)


def _summed(parts: Mapping[str, float], exchanges: Mapping[str, float]) -> dict[str, float]:
    """Both together; what ranks agree on counts with what no layout changes."""
    other = parts["other"] + exchanges["agreed"]
    return {**parts, **{name: seconds for name, seconds in exchanges.items() if name != "agreed"}, "other": other}


def _slice(work: Work, host: Host) -> Slice:
    """Rows are even here, for what the fullest rank has too many of, ranks that share its cores have too few of."""
    layout = work.layout
    return Slice(
        sequences=layout.micro_batch, length=work.sequence_length, context=layout.context, tensor=layout.tensor,
        expert=layout.expert, expert_tensor=layout.expert_tensor, sequence_parallel=layout.sequence_parallel,
        software=work.software, unit=host.unit, narrow=host.unit, width=work.width, accumulates=8 if work.micro_batches > 1 else 0,
        eager_alibi=work.held.eager_alibi,
    )  # fmt: skip


def _cost_of(work: Work, hardware: Hardware) -> HostCost | None:
    """Measured seconds of the engine's own Python; DeepSpeed's by stage of ZeRO."""
    engine, stage = work.layout.engine, work.layout.zero
    return hardware.calibration.host.get(f"{engine}-{stage}" if engine == "deepspeed" else engine)


def _stage(work: Work, host: Host, chunks: Iterable[Chunk], part: Slice, cost: HostCost | None) -> Busy:
    """One micro-batch, forward and backward, on a rank of a stage."""
    busy, each_operation = Busy(), host.hardware.calibration.launch_overhead_s
    for chunk in chunks:
        for block, count in counted(work.architecture, (chunk,)):
            both = block_cost(block, part)
            for one in (both.forward, both.backward):
                _add(busy, one, count, host)
            busy.launches += count * (_measured(block, cost) if cost else each_operation * (both.forward.host + both.backward.host))
            busy.tensor += count * _tensor(work, host.gloo, both)
            busy.context += count * _context(work, host.gloo, both)
            if both.experts:
                busy.expert += count * _expert(work, host.gloo, both)
        ends = [*(head_cost(work.architecture, part) if chunk.head else ())]
        ends += [*(embedding_cost(work.architecture, part) if chunk.embedding else ())]
        for one in ends:
            _add(busy, one, 1, host)
            busy.launches += 0.0 if cost else one.host * each_operation
    busy.launches += cost.pass_s if cost else 0.0
    busy.recomputed = busy.computing / 3 if work.layout.recompute == "full" else 0.0
    return busy


def _measured(block: Block, cost: HostCost) -> float:
    return cost.block_s * (EXPERTS_TO_DENSE if isinstance(block.feed_forward, MixtureOfExperts) else 1.0)


def _add(busy: Busy, one: Pass, count: int, host: Host) -> None:
    known = host.hardware.calibration
    multiplied = _tiled(one.products) + _tiled(one.experts) / known.expert_efficiency
    busy.products += count * multiplied / known.matmul_efficiency
    scored = _tiled(one.scores.products) / known.matmul_efficiency + one.scores.moved / known.memory_efficiency
    busy.attention += count * (scored + one.scores.fused / known.attention_efficiency)
    busy.elementwise += count * (one.moved + one.experts_moved / known.expert_efficiency) / known.memory_efficiency


def _tiled(products: Iterable[Product]) -> float:
    return sum(each.times * each.tiled for each in products)


def _tensor(work: Work, gloo: Gloo, cost: BlockCost) -> Exchange:
    """Exchanges of a block within its tensor group, forward and backward.

    Sequence-parallel products gather before and scatter after, twice; backward as many, and inputs are gathered once
    more for the weights' gradients (Korthikanti et al. 2022, section 4.2.2). Otherwise four all-reduces. Experts move rows
    instead, and gather once each way what they made where the sequence is not shared out outside them.
    """
    ranks, stream, halves = work.layout.tensor, cost.stream, cost.reduces
    if not work.layout.sequence_parallel:
        gathers = 2 if cost.experts else 0
        return 2 * halves * gloo.exchange("all_reduce", stream, ranks) + gathers * gloo.exchange("all_gather", stream, ranks)
    return 3 * halves * gloo.exchange("all_gather", stream, ranks) + 2 * halves * gloo.exchange("reduce_scatter", stream, ranks)


def _context(work: Work, gloo: Gloo, cost: BlockCost) -> Exchange:
    """Of a block's attention, forward and backward: parts of the sequence for heads and back, or keys and values in a ring,
    which gradients follow."""
    ranks = work.layout.context
    if ranks == 1:
        return NOTHING
    if work.software.context == "ring":
        return 3 * (ranks - 1) * gloo.exchange("send", cost.keys, 2)
    return 4 * gloo.exchange("all_to_all", cost.queries, ranks) + 4 * gloo.exchange("all_to_all", cost.keys / 2, ranks)


def _expert(work: Work, gloo: Gloo, cost: BlockCost) -> Exchange:
    """Rows to their experts and back, forward and backward; numbers and weights of rows travel beside.

    Ranks that share an expert gather their rows, and scatter the sums of what comes out.
    """
    ranks, shared = work.layout.expert, work.layout.expert_tensor
    moved = 4 * gloo.exchange("all_to_all", cost.routed, ranks) + 2 * gloo.exchange("all_to_all", 0, ranks)
    gathered = 2 * gloo.exchange("all_gather", cost.gathered, shared) + 2 * gloo.exchange("reduce_scatter", cost.gathered, shared)
    return moved + gathered + 2 * gloo.exchange("all_gather", 0, shared)


def _sends(work: Work, host: Host) -> Exchange:
    """Activations to the next stage and gradients back, of one micro-batch."""
    layout = work.layout
    if layout.pipeline == 1:
        return NOTHING
    stream = layout.micro_batch * work.sequence_length // layout.context * work.architecture.hidden * work.width
    shared = layout.tensor if layout.sequence_parallel else 1
    return 2 * layout.virtual * host.gloo.exchange("send", stream / shared, 2)


def _computed(work: Work, host: Host, weights: tuple[float, float], cost: HostCost | None) -> dict[str, float]:
    """Once a step: the optimizer, and what no layout changes."""
    known = host.hardware.calibration
    moved = (held_of(work, weights) * state_bytes(work.optimizer).host + sum(weights) * NORM_BYTES) / host.unit.bandwidth
    return {"optimizer": moved / known.memory_efficiency, "other": known.step_overhead_s + (cost.step_s if cost else 0.0)}


def _exchanged(work: Work, host: Host, weights: tuple[float, float]) -> dict[str, Exchange]:
    """Once a step, or with ZeRO 2 and 3 once a micro-batch: gradients reduced in fp32, weights gathered.

    DeepSpeed reduces a bucket as large as the model (engines/deepspeed/config.py); at stage 3 it fetches the whole model
    ahead and keeps it, and gathers what it does not partition, vectors, one by one after the optimizer's step.
    """
    layout, gloo, turns = work.layout, host.gloo, work.micro_batches
    splits = CAPABILITIES[layout.engine].splits_models
    reduces = "reduce_scatter" if splits and layout.zero else "all_reduce"
    gradients = gathers = NOTHING
    for count, ranks in zip(weights, (layout.replicas, layout.expert_replicas), strict=True):
        if count:
            gradients += (turns if layout.zero >= 2 else 1) * gloo.exchange(reduces, 4 * count, ranks)
        if count and layout.zero:
            gathers += (turns if layout.zero == 3 else 1) * gloo.exchange("all_gather", work.width * count, ranks)
    if layout.zero == 3:
        gathers += _vectors(work) * gloo.exchange("all_gather", 0, layout.data)
    agreed = STEP_EXCHANGES * gloo.exchange("all_reduce", 0, layout.world_size)
    return {"gradients": gradients, "gathers": gathers, "agreed": agreed}


def _vectors(work: Work) -> int:
    """Gains and biases of the model, each a parameter of its own."""
    blocks = work.architecture.blocks
    return sum(2 * _of_norm(block.norm) + 2 * block.attention.bias + 2 * getattr(block.feed_forward, "bias", False) for block in blocks) + _of_norm(
        work.architecture.final_norm
    )


def _of_norm(norm: Norm) -> int:
    return 1 if isinstance(norm, RMSNorm) else 2
