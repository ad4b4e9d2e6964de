"""Seconds of one optimizer step, by what takes them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from orchestrator.planning.calibration import NARROW
from orchestrator.planning.hardware import Hardware
from orchestrator.planning.shares import on_rank
from orchestrator.planning.stages import Stages
from orchestrator.planning.timing.host import host_step
from orchestrator.planning.timing.layer import Slice
from orchestrator.planning.timing.optimizer import offload_time, optimizer_time
from orchestrator.planning.timing.pipeline import bubble, sends
from orchestrator.planning.timing.products import Unit
from orchestrator.planning.timing.replicas import exchange
from orchestrator.planning.timing.stage import StageTime, stage_time
from orchestrator.planning.work import Work


@dataclass(frozen=True, kw_only=True)
class StepTime:
    """Seconds on the path that the step waits for; the parts add up to `total`. Communication: what is not hidden.

    products: matrix products, forward and backward; recomputed: the forward passes that are taken again;
    attention: scores and weighted values; elementwise: memory-bound operations; launches: waiting for the host;
    tensor, context, expert: exchanges inside a layer; bubble: idle pipeline stages; sends: between stages;
    gradients: reducing them over replicas; gathers: weights from their partitions; optimizer: its step, wherever it is taken;
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
    """One optimizer step of `work` at its full batch: that of the stage that takes longest, and what it waits for."""
    if hardware.device.kind == "cpu":
        return StepTime(**host_step(work, hardware))
    layout, stages = work.layout, work.stages
    part = slice_of(work, hardware)
    times = _stage_times(work, hardware, stages, part)
    slowest = max(range(len(times)), key=lambda index: times[index].total)
    time, chunks = times[slowest], stages[slowest]
    weights = max((on_rank(work.architecture, layout, each) for each in {stages[0], chunks}), key=sum)
    layers = sum(chunk.layers for chunk in chunks)
    gradients, gathers = exchange(work, hardware, weights, blocks=layers, busy=time.total, backward=time.backward)
    copied, fetched = offload_time(work, hardware, weights)
    passed = sends(work, hardware)
    turns = work.micro_batches
    return StepTime(
        products=turns * time.products, attention=turns * time.attention, elementwise=turns * time.elementwise,
        recomputed=turns * time.recomputed, launches=turns * time.launches, tensor=turns * time.tensor,
        context=turns * time.context, expert=turns * time.expert,
        bubble=bubble([each.total + passed for each in times], layout.virtual), sends=turns * passed,
        gradients=gradients + copied, gathers=gathers + fetched, optimizer=optimizer_time(work, hardware, weights),
        other=hardware.calibration.step_overhead_s,
    )  # fmt: skip


def _stage_times(work: Work, hardware: Hardware, stages: Stages, part: Slice) -> list[StageTime]:
    """Of every stage; those alike are worked out once."""
    known: dict[tuple[tuple[int, int, bool, bool], ...], StageTime] = {}
    alike = len(set(map(id, work.architecture.blocks))) == 1
    times = []
    for chunks in stages:
        key = tuple((0 if alike else chunk.first, chunk.layers, chunk.embedding, chunk.head) for chunk in chunks)
        if key not in known:
            known[key] = stage_time(work, hardware, chunks, part)
        times.append(known[key])
    return times


def slice_of(work: Work, hardware: Hardware) -> Slice:
    """What one rank sees of a micro-batch, and what it computes on."""
    layout, device, software = work.layout, hardware.device, work.software
    # Workers on the CPU beyond its cores take turns.
    turn = min(1.0, hardware.cores / hardware.per_node) if hardware.cores else 1.0
    wide = "bf16" if work.precision == "fp8" else work.precision
    unit = Unit(
        peak=device.peak_at(wide) * turn, sms=device.sms, bandwidth=device.memory_bandwidth * turn, operand=work.width,
        result=work.width,
    )  # fmt: skip
    narrow = unit
    if work.precision == "fp8" and "fp8" in device.peak:
        narrow = Unit(peak=device.peak_at("fp8") * NARROW, sms=device.sms, bandwidth=unit.bandwidth, operand=1, result=2)
    return Slice(
        sequences=layout.micro_batch, length=work.sequence_length, context=layout.context, tensor=layout.tensor,
        expert=layout.expert, expert_tensor=layout.expert_tensor, sequence_parallel=layout.sequence_parallel,
        software=software, unit=unit, narrow=narrow, width=work.width, accumulates=_accumulates(work), eager_alibi=work.held.eager_alibi,
        uneven=work.software.uneven,
    )  # fmt: skip


def _accumulates(work: Work) -> int:
    """Bytes per weight and micro-batch of adding a gradient to its buffer, where the product does not do it itself."""
    if work.layout.zero == 3 or work.software.adds_in_products:
        return 0
    if work.software.gradient_bytes == 4 and work.width < 4:
        return work.width + 8
    return 3 * work.width if work.micro_batches > 1 else 0
