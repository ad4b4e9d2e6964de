"""One pipeline stage for one micro-batch, at the efficiencies that were measured: seconds by what takes them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.planning.calibration import COLLECTIVE_LAUNCHES
from orchestrator.planning.hardware import Hardware
from orchestrator.planning.shares import counted
from orchestrator.planning.stages import Chunk
from orchestrator.planning.timing.collectives import all_reduce, all_to_all, gather, group, send
from orchestrator.planning.timing.head import embedding_cost, head_cost
from orchestrator.planning.timing.launches import waiting
from orchestrator.planning.timing.layer import BlockCost, Pass, Slice, block_cost
from orchestrator.planning.timing.products import seconds
from orchestrator.planning.work import Work


@dataclass
class StageTime:
    """Seconds of one micro-batch, forward and backward together; built up block by block."""

    products: float = 0.0
    attention: float = 0.0
    elementwise: float = 0.0
    recomputed: float = 0.0
    launches: float = 0.0
    tensor: float = 0.0
    context: float = 0.0
    expert: float = 0.0
    backward: float = 0.0
    """Of the sum, what the backward pass takes."""

    @property
    def total(self) -> float:
        parts = (self.products, self.attention, self.elementwise, self.recomputed, self.launches, self.tensor, self.context)
        return sum(parts) + self.expert


@dataclass(frozen=True, kw_only=True)
class _Exchanges:
    """Seconds of a block's exchanges in one direction that computing does not hide, and how many the host starts.

    hidden: the context group's run behind attention, so that only what is longer counts.
    """

    tensor: float
    context: float
    expert: float
    started: int
    hidden: bool

    @property
    def total(self) -> float:
        return self.tensor + self.context + self.expert


def stage_time(work: Work, hardware: Hardware, chunks: tuple[Chunk, ...], part: Slice) -> StageTime:
    """Of one rank of the stage that holds `chunks`."""
    time = StageTime()
    for chunk in chunks:
        for block, count in counted(work.architecture, (chunk,)):
            _add_block(time, block_cost(block, part), count, work, hardware)
        ends = [head_cost(work.architecture, part)] if chunk.head else []
        ends += [embedding_cost(work.architecture, part)] if chunk.embedding else []
        for forward, backward in ends:
            _add(time, forward, 1, work, hardware)
            time.backward += _add(time, backward, 1, work, hardware)
    return time


def _add_block(time: StageTime, cost: BlockCost, count: int, work: Work, hardware: Hardware) -> None:
    """`count` blocks: a forward pass, a backward pass, and what recomputation takes again."""
    forward, backward = (_exchanges(cost, work, hardware, turns) for turns in (1, 2))
    _add(time, cost.forward, count, work, hardware, forward)
    back = _add(time, cost.backward, count, work, hardware, backward)
    again = 0.0
    if work.layout.recompute == "full":
        whole = StageTime()
        again = _add(whole, _until_kept(cost.forward) if work.software.stops_early else cost.forward, count, work, hardware, forward)
    elif work.layout.recompute == "selective":
        again = count * _selective(cost.forward, work.software.selective, hardware)
    time.recomputed += again
    time.backward += back + again


def _add(time: StageTime, one: Pass, count: int, work: Work, hardware: Hardware, exchanges: _Exchanges | None = None) -> float:
    """Adds one direction of `count` blocks; returns its seconds."""
    known = hardware.calibration
    products = seconds(one.products, known) + seconds(one.experts, known) / known.expert_efficiency
    attention = one.scores.fused / known.attention_efficiency + one.scores.moved / known.memory_efficiency
    attention += seconds(one.scores.products, known)
    elementwise = (one.moved + one.experts_moved / known.expert_efficiency) / known.memory_efficiency
    exchanged = exchanges.total if exchanges else 0.0
    context = 0.0
    if exchanges:
        context = max(0.0, exchanges.context - (attention if exchanges.hidden else 0.0))
        exchanged += context - exchanges.context
        time.tensor += count * exchanges.tensor
        time.expert += count * exchanges.expert
        time.context += count * context
    device = products + attention + elementwise + exchanged
    started = one.host + (COLLECTIVE_LAUNCHES * exchanges.started if exchanges else 0)
    idle = waiting(device, started, known, work.software)
    time.products += count * products
    time.attention += count * attention
    time.elementwise += count * elementwise
    time.launches += count * idle
    return count * (device + idle)


def _until_kept(one: Pass) -> Pass:
    """A forward pass but for its last product."""
    if one.experts:
        return replace(one, experts=one.experts[:-1])
    return replace(one, products=one.products[:-1])


def _selective(one: Pass, share: float, hardware: Hardware) -> float:
    """Seconds of taking scores again (Korthikanti et al. 2022, section 5), or a share of products and what is between them."""
    known = hardware.calibration
    scored = seconds(one.scores.products, known) + one.scores.moved / known.memory_efficiency
    return scored + (share * seconds(one.products, known) + one.moved / known.memory_efficiency if share else 0.0)


def _exchanges(cost: BlockCost, work: Work, hardware: Hardware, turns: int) -> _Exchanges:
    """Of one block in one direction. `turns`: keys and values travel once forward; with their gradients backward."""
    layout, known = work.layout, hardware.calibration
    tensor = context = expert = 0.0
    started = 0
    if layout.tensor > 1:
        # Experts move rows instead, counted below; where the sequence is not shared out outside them, what they made is gathered.
        among = group(layout.tensor, 1, hardware.domain)
        tensor = cost.reduces * all_reduce(cost.stream, among, hardware)
        if cost.experts and not layout.sequence_parallel:
            tensor += gather(cost.stream, among, hardware)
            started += 1
        tensor *= 1 - known.overlap if work.software.overlaps_tensor else 1.0
        started += cost.reduces * (2 if layout.sequence_parallel else 1)
    ring = work.software.context == "ring"
    if layout.context > 1 and ring:
        far = layout.tensor * layout.context > hardware.domain
        context = turns * (layout.context - 1) * send(cost.keys, hardware, far=far)
        started += 2 * (layout.context - 1)
    elif layout.context > 1:
        # Queries, keys and values to whole sequences, and what was attended back.
        among = group(layout.context, layout.tensor, hardware.domain)
        context = 2 * all_to_all(cost.queries, among, hardware) + 2 * all_to_all(cost.keys / 2, among, hardware)
        started += 4
    if cost.experts and layout.expert > 1:
        among = group(layout.expert, layout.expert_tensor, hardware.domain)
        expert = 2 * all_to_all(cost.routed, among, hardware, copies=cost.copies if work.software.one_copy else 1.0)
        expert *= 1 - known.overlap if work.software.overlaps_experts else 1.0
        started += 4
    if cost.experts and cost.gathered:
        # Ranks that share an expert gather each other's rows, and reduce what comes out.
        expert += all_reduce(cost.gathered, group(layout.expert_tensor, 1, hardware.domain), hardware)
        started += 2
    return _Exchanges(tensor=tensor, context=context, expert=expert, started=started, hidden=ring)
