"""`auto` -> numbers: the layout that the page left open.

A page that says `auto` for a degree (or for the whole section) has every legal layout searched for the shortest step
(planning/search). The rest is settled in the order a person would: engine; then how many devices take part (the most whose
number divides the batch at every step of its ramp-up); then the lowest ZeRO stage that fits; then the largest micro-batch
that fits. So is all of it on CPU devices and on a single one, where there is nothing to gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.architecture.parts import MixtureOfExperts
from orchestrator.architecture.stack import Architecture
from orchestrator.errors import PlanError, Problem
from orchestrator.planning.capabilities import CAPABILITIES
from orchestrator.planning.features import distinct
from orchestrator.planning.hardware import Hardware
from orchestrator.planning.layout import Layout
from orchestrator.planning.memory import Memory, capacity, fits, host_bytes, memory_of, needed, short_of
from orchestrator.planning.rules import RULES, Case, batch_sizes_gcd, case_of, check, check_page, divisors
from orchestrator.planning.search import (
    MOST_TOKENS_PER_MICRO_BATCH,
    Candidate,
    Judge,
    Searched,
    Space,
    explained,
    search,
)
from orchestrator.planning.search.best import Found
from orchestrator.planning.timing import bubble_fraction
from orchestrator.planning.work import work_of
from orchestrator.spec.run import Parallelism, RunSpec
from orchestrator.units import format_bytes

HEAD_ROOM = 0.05
"""What a searched layout leaves free of a device's memory, since estimates err; without any that does, all may be used."""
TOLERATED_BUBBLE = 0.1
"""A larger micro-batch feeds the matrices better and leaves a pipeline fewer of them: how much idling it may cost."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The layout, the reasons for it, and where it was searched: the best candidates (itself first) and how far."""

    layout: Layout
    reasons: tuple[str, ...]
    candidates: tuple[Candidate, ...] = ()
    searched: Searched | None = None


def choose_layout(
    spec: RunSpec[Any], architecture: Architecture, hardware: Hardware, devices: int
) -> tuple[Layout, tuple[str, ...]]:
    """The layout for `devices` devices and the reasons for what was chosen.

    Raises PlanError if none is legal or fits.
    """
    choice = choose(spec, architecture, hardware, devices)
    return choice.layout, choice.reasons


def choose(
    spec: RunSpec[Any], architecture: Architecture, hardware: Hardware, devices: int, *, exactly: bool = False
) -> Choice:
    """As `choose_layout`, with what else was considered. `exactly`: a search leaves no device idle."""
    if not spec.parallelism.open or hardware.device.kind == "cpu":
        return _settled(spec, architecture, hardware, devices)
    if devices == 1:
        try:
            return _settled(spec, architecture, hardware, devices)
        except PlanError:
            return _searched(spec, architecture, hardware, devices, exactly=exactly)
    return _searched(spec, architecture, hardware, devices, exactly=exactly)


def _searched(
    spec: RunSpec[Any], architecture: Architecture, hardware: Hardware, devices: int, *, exactly: bool
) -> Choice:
    """The layout with the shortest step: with head-room, else without, else with what the host's memory can hold."""
    check_page(spec)
    case = case_of(spec, architecture, resolve(spec, architecture, devices), hardware.device, devices, hardware.per_node)
    judge = Judge(spec, architecture, hardware)
    space = Space(case, exactly=exactly)
    found = search(space, judge, share=1 - HEAD_ROOM)
    room = HEAD_ROOM
    if not found.best:
        found, room = search(space, judge, share=1.0), 0.0
    if hardware.host_memory and spec.parallelism.offload == "auto":
        for offload in ("optimizer", "parameters"):
            if not found.best:
                space = Space(case, exactly=exactly, offloads=(offload,))
                found = search(space, judge, share=1.0)
    if not found.best:
        raise _nothing_found(case, space, found, hardware, exactly=exactly)
    candidates = explained([(layout, step, memory) for _, layout, step, memory in found.best], hardware.device.memory)
    best = candidates[0].step.total
    searched = Searched(
        legal=space.count(), estimated=found.estimated, fitted=found.fitted, unsettled=max(0.0, 1 - found.bound / best)
    )
    layout = candidates[0].layout
    reasons = [f"searched: {searched.legal:,} legal layouts, {searched.estimated:,} of them estimated; {candidates[0].reason}"]
    if searched.unsettled:
        reasons.append(f"the search stopped there; what it left can be at most {searched.unsettled:.0%} faster, by a bound that nothing reaches")
    if not room:
        reasons.append(f"no layout leaves {HEAD_ROOM:.0%} of memory free")
    reasons += _idle(spec, layout, devices)
    if layout.offload != "none":
        reasons.append(f"offload {layout.offload}: nothing fits without it")
    return Choice(
        layout=layout, reasons=(*reasons, *_remarks(layout, spec, hardware.per_node)), candidates=candidates, searched=searched,
    )  # fmt: skip


def _nothing_found(case: Case, space: Space, found: Found, hardware: Hardware, *, exactly: bool) -> PlanError:
    """Why a search found nothing: no layout is legal, or the leanest of them does not fit."""
    if found.least is None:
        complaints = [complaint for rule in RULES if (complaint := rule(case))]
        left = f"no legal layout takes exactly {case.devices} devices" if exactly else f"no legal layout on {case.devices} devices"
        fix = "say fewer keys of it, or run on another number of devices"
        return PlanError(complaints or [Problem(path="parallelism", message=left, fix=fix)])
    _, layout, need = found.least
    too_small = _host_too_small([need], layout, hardware)
    if too_small:
        return PlanError([too_small])
    message = (
        f"does not fit: none of {space.count():,} legal layouts on {case.devices} x {hardware.device.name} with"
        f" {format_bytes(capacity(hardware))} each; the leanest ({layout.engine}, {layout.product}) takes {_parts(need)}"
        f" at ZeRO {layout.zero}, micro-batch {layout.micro_batch}"
    )
    fix = "take a smaller model, or more or larger devices"
    return PlanError([Problem(path="parallelism", about=layout, message=message, fix=fix)])


def _idle(spec: RunSpec[Any], layout: Layout, devices: int) -> list[str]:
    """That devices are left over, and why."""
    idle = devices - layout.world_size
    if idle <= 0 or layout.engine == "reference":
        return []
    model = layout.world_size // layout.data
    quantum = f" and replicas take {model} devices each" if model > 1 else ""
    return [f"{idle} of {devices} devices stay idle: batch sizes have the common divisor {batch_sizes_gcd(spec)}{quantum}"]


def _settled(spec: RunSpec[Any], architecture: Architecture, hardware: Hardware, devices: int) -> Choice:
    """What was said, and the rest as a person would settle it."""
    said, device, per_node = spec.parallelism, hardware.device, hardware.per_node
    reasons: list[str] = []
    layout = resolve(spec, architecture, devices)
    if said.data is None:
        reasons.append(f"data {layout.data}: the most of {devices} devices whose number divides the batch")
        reasons += _idle(spec, layout, devices)
    check(case_of(spec, architecture, layout, device, devices, per_node))
    stages = _zero_stages(spec, layout)
    roomy = [stage for stage in stages if _has_room(replace(layout, zero=stage), spec, architecture, hardware)]
    fitting = roomy or [stage for stage in stages if _fits(replace(layout, zero=stage), spec, architecture, hardware)]
    if not fitting:
        raise PlanError([_does_not_fit(layout, spec, architecture, hardware)])
    layout = replace(layout, zero=fitting[0])
    if said.zero is None:
        alone = layout.data * layout.context == 1 and layout.zero == 0
        one = "rank" if layout.world_size == 1 else "replica"
        reasons.append(f"ZeRO 0: one {one} has nothing to partition" if alone else f"ZeRO {layout.zero}: the lowest stage that fits")
    if said.micro_batch is None:
        layout, reason = _micro_batch(layout, spec, architecture, hardware)
        reasons.append(reason)
    return Choice(layout=layout, reasons=(*reasons, *_remarks(layout, spec, per_node)))


def resolve(spec: RunSpec[Any], architecture: Architecture, devices: int) -> Layout:
    """The layout that was said, `auto` replaced by a first guess that may break rules: micro-batch 1, the lowest ZeRO stage."""
    said = spec.parallelism
    engine = _engine(said)
    tensor, context, length = said.tensor or 1, said.context or 1, spec.data.sequence_length
    shares = tensor > 1 and "tensor" in CAPABILITIES[engine].axes and length % (tensor * context) == 0
    layout = Layout(
        engine=engine, data=1, tensor=tensor, pipeline=said.pipeline or 1, micro_batch=said.micro_batch or 1, zero=0,
        offload=_plain(said.offload), recompute=_plain(said.recompute), context=context, virtual=said.virtual or 1, expert=said.expert or 1,
        expert_tensor=said.expert_tensor or tensor,
        sequence_parallel=shares if said.sequence_parallel is None else said.sequence_parallel,
    )  # fmt: skip
    layout = replace(layout, data=said.data or _data(spec, architecture, layout, devices))
    return replace(layout, zero=_zero_stages(spec, layout)[0])


def most_memory(layout: Layout, spec: RunSpec[Any], architecture: Architecture, hardware: Hardware) -> Memory:
    """Bytes per rank of a layout, on the stage that needs most."""
    return max(memory_of(work_of(spec, architecture, layout), hardware), key=lambda memory: memory.total)


def _plain(said: str) -> str:
    return "none" if said == "auto" else said


def _engine(said: Parallelism) -> str:
    """DeepSpeed runs every model as its family's own module; what it cannot cut, Megatron can."""
    if said.engine != "auto":
        return said.engine
    degrees = {axis: getattr(said, axis) or 1 for axis in ("tensor", "pipeline", "virtual", "context", "expert")}
    wanted = {axis for axis, degree in degrees.items() if degree > 1}
    return "megatron" if wanted else "deepspeed"


def _data(spec: RunSpec[Any], architecture: Architecture, layout: Layout, devices: int) -> int:
    """The most replicas that the devices allow, that divide the batch of every step, and that experts can be dealt to."""
    if "data" not in CAPABILITIES[layout.engine].axes:
        return 1
    most = max(1, devices // (layout.tensor * layout.pipeline * layout.context))
    common = batch_sizes_gcd(spec)
    dividing = divisors(max(1, common // layout.micro_batch), at_most=most) or [1]
    legal = [data for data in dividing if common % (data * _sequences_per_round(layout)) == 0] or dividing
    if any(isinstance(block.feed_forward, MixtureOfExperts) for block in distinct(architecture.blocks)):
        folded = layout.expert * layout.expert_tensor
        legal = [data for data in legal if data * layout.context * layout.tensor % folded == 0] or legal
    return max(legal)


def _sequences_per_round(layout: Layout) -> int:
    """What one replica takes at least: a micro-batch, and with virtual stages one for each pipeline rank."""
    return layout.micro_batch * (layout.pipeline if layout.virtual > 1 else 1)


def _micro_batches(spec: RunSpec[Any], layout: Layout) -> int:
    """Per step and replica, at full batch."""
    return max(1, spec.training.batch.sequences // (layout.data * layout.micro_batch))


def _micro_batch(layout: Layout, spec: RunSpec[Any], architecture: Architecture, hardware: Hardware) -> tuple[Layout, str]:
    most = max(1, MOST_TOKENS_PER_MICRO_BATCH // spec.data.sequence_length)
    share = batch_sizes_gcd(spec) // layout.data // _sequences_per_round(layout)
    sizes = [replace(layout, micro_batch=size) for size in divisors(share, at_most=most)]
    roomy = [candidate for candidate in sizes if _has_room(candidate, spec, architecture, hardware)]
    fitting = roomy or [candidate for candidate in sizes if _fits(candidate, spec, architecture, hardware)]
    if layout.pipeline == 1:
        return fitting[-1], f"micro-batch {fitting[-1].micro_batch}: the largest that fits and divides the batch"
    busy = [size for size in fitting if bubble_fraction(size, _micro_batches(spec, size)) <= TOLERATED_BUBBLE]
    chosen = (busy or fitting[:1])[-1]
    why = f"that fits and divides the batch with a bubble of at most {TOLERATED_BUBBLE:.0%}" if busy else "for the smallest bubble"
    return chosen, f"micro-batch {chosen.micro_batch}: the {'largest' if busy else 'smallest,'} {why}"


def _zero_stages(spec: RunSpec[Any], layout: Layout) -> list[int]:
    """ZeRO stages to try, best first: the one that was said, or those legal for engine and optimizer."""
    if spec.parallelism.zero is not None:
        return [spec.parallelism.zero]
    able = CAPABILITIES[layout.engine]
    legal = able.zero_stages_of_optimizer[spec.training.optimizer.name] or able.zero_stages
    alone = layout.data * layout.context == 1
    least = {"none": 0 if alone else 1, "optimizer": 1, "parameters": 3}[layout.offload]
    return sorted(stage for stage in legal if stage >= least) or [max(legal)]


def _remarks(layout: Layout, spec: RunSpec[Any], per_node: int) -> list[str]:
    """What is legal and worth knowing."""
    remarks = []
    group = layout.tensor * layout.context
    if layout.context > 1 and layout.world_size > per_node and per_node % group:
        remarks.append(f"context groups (tensor x context = {group} ranks) cross nodes of {per_node}: attention waits for the network")
    if layout.pipeline > 1:
        micro_batches = _micro_batches(spec, layout)
        idle = bubble_fraction(layout, micro_batches)
        virtual, others = f"{layout.virtual} x " if layout.virtual > 1 else "", layout.pipeline - 1
        share = f"{idle / (1 + idle):.1%} of the time in the pipeline"
        remarks.append(f"bubble {share}: {others} / ({others} + {virtual}{micro_batches} micro-batches) with even stages")
    return remarks


def _fits(
    layout: Layout, spec: RunSpec[Any], architecture: Architecture, hardware: Hardware, *, share: float = 1.0
) -> bool:
    stages = memory_of(work_of(spec, architecture, layout), hardware)
    return fits(stages, hardware, ranks=_on_a_node(layout, hardware), share=share)


def _has_room(layout: Layout, spec: RunSpec[Any], architecture: Architecture, hardware: Hardware) -> bool:
    """Whether it fits with head-room: what is asked of a value that a page left open."""
    return _fits(layout, spec, architecture, hardware, share=1 - HEAD_ROOM)


def _on_a_node(layout: Layout, hardware: Hardware) -> int:
    """Ranks that share a node's own memory."""
    return min(hardware.per_node, layout.world_size)


def _host_too_small(stages: Sequence[Memory], layout: Layout, hardware: Hardware) -> Problem | None:
    """That what is offloaded does not fit the host; None where it does, or where the device is what is short."""
    ranks = _on_a_node(layout, hardware)
    if short_of(stages, hardware, ranks=ranks) != "host":
        return None
    message = (
        f"does not fit: offload {layout.offload} at ZeRO {layout.zero} takes {format_bytes(host_bytes(stages, ranks))} of host memory"
        f" for the {ranks} ranks of a node, and `node.host_memory` of the cluster page says {format_bytes(hardware.host_memory or 0)}"
    )
    return Problem(path="parallelism.offload", message=message, fix="offload less, partition further (zero), or take more nodes")


def _parts(need: Memory) -> str:
    """`52 GiB per rank (weights 7.4 GiB, ...)`."""
    names = ("weights", "gradients", "optimizer", "activations", "logits")
    return f"{format_bytes(needed(need))} per rank ({', '.join(f'{name} {format_bytes(getattr(need, name))}' for name in names)})"


def _does_not_fit(layout: Layout, spec: RunSpec[Any], architecture: Architecture, hardware: Hardware) -> Problem:
    """Why the layout does not fit, and the nearest change that does."""
    device = hardware.device
    stages = CAPABILITIES[layout.engine].zero_stages_of_optimizer[spec.training.optimizer.name]
    most = max(stages) if layout.data > 1 else layout.zero
    best = replace(layout, zero=most if spec.parallelism.zero is None else spec.parallelism.zero)
    of_stages = memory_of(work_of(spec, architecture, best), hardware)
    need = max(of_stages, key=needed)
    too_small = _host_too_small(of_stages, best, hardware)
    message = too_small.message if too_small else (
        f"does not fit: {_parts(need)} at ZeRO {best.zero}, micro-batch {best.micro_batch},"
        f" on {layout.world_size} x {device.name} with {format_bytes(capacity(hardware))} each"
    )
    widest = replace(best, zero=max(stages), micro_batch=1, recompute="full")
    changes = [
        ("micro_batch: 1", replace(best, micro_batch=1)),
        (f"zero: {most}", replace(best, zero=most)),
        ("recompute: full", replace(best, recompute="full")),
        (f"zero: {most}, recompute: full", replace(best, zero=most, recompute="full")),
        (f"zero: {most}, recompute: full, micro_batch: 1", replace(widest, zero=most)),
    ]
    if 3 in stages and device.kind == "cuda":
        changes.append(("zero: 3, recompute: full, offload: optimizer", replace(widest, offload="optimizer")))
    about = None if too_small else best
    for words, candidate in changes:
        if candidate != best and _fits(candidate, spec, architecture, hardware):
            return Problem(path="parallelism", about=about, message=message, fix=f"it fits with parallelism: {{{words}}}")
    if CAPABILITIES[layout.engine].splits_models:
        return Problem(path="parallelism", about=about, message=message, fix="spread the model further (tensor, pipeline), or add nodes")
    for power in range(1, 15):
        candidate = replace(widest, data=layout.data * 2**power)
        if _fits(candidate, spec, architecture, hardware):
            words = f"it fits on {candidate.world_size} devices with zero: {widest.zero}, recompute: full"
            return Problem(path="parallelism", about=about, message=message, fix=words)
    if too_small:
        return too_small
    fix = "take a smaller model or larger devices: no number of these holds it with this engine"
    return Problem(path="parallelism", about=about, message=message, fix=fix)
