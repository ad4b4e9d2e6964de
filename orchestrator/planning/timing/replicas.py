"""Keeping replicas alike: gradients reduced, and where ZeRO or FSDP divides them, weights gathered.

    stage 0     all-reduce of gradients, once a step
    stage 1, 2  reduce-scatter of gradients, all-gather of weights, once a step; where no rank keeps whole gradients
                (`Software.reduces_each`), the first of them every micro-batch
    stage 3     every micro-batch: weights gathered for the forward and again for the backward pass, gradients reduced;
                in a pipeline once a step, since weights stay gathered between micro-batches (torchtitan, AutoModel)
"""

from __future__ import annotations

from orchestrator.planning.hardware import Hardware
from orchestrator.planning.timing.collectives import all_reduce, gather, group
from orchestrator.planning.work import Work


def exchange(work: Work, hardware: Hardware, weights: tuple[float, float], *, blocks: int, busy: float, backward: float) -> tuple[float, float]:
    """Seconds per step of (gradients, gathers) that computing does not hide.

    weights: dense parameters and those of experts on a rank of the stage; busy and backward: its seconds per
    micro-batch in all and of the backward pass; blocks: which it gathers one by one.
    """
    layout, software = work.layout, work.software
    known = hardware.calibration
    dense = group(layout.replicas, layout.tensor, hardware.domain)
    experts = group(layout.expert_replicas, layout.expert * layout.expert_tensor, hardware.domain)
    pairs = [pair for pair in zip(weights, (dense, experts), strict=True) if pair[0] and pair[1].size > 1]
    width = software.gradient_bytes or work.width
    if layout.zero == 0:
        reduced = sum(all_reduce(count * width, among, hardware) for count, among in pairs)
        return _exposed(reduced, backward, known.overlap if software.overlaps_gradients else 0.0), 0.0
    each = layout.zero == 3 and layout.pipeline == 1
    pieces = max(1, blocks) if each else 1
    reduced = pieces * sum(gather(count * width / pieces, among, hardware) for count, among in pairs)
    gathered = pieces * sum(gather(count * work.width / pieces, among, hardware) for count, among in pairs)
    overlap_reduce = known.overlap if software.overlaps_gradients else 0.0
    overlap_gather = known.overlap if software.overlaps_gathers else 0.0
    if not each:
        often = work.micro_batches if software.reduces_each else 1
        return often * _exposed(reduced, backward, overlap_reduce), _exposed(gathered, (busy - backward) / 2, overlap_gather)
    # Reducing and gathering share the wires of the backward pass; the first gather has nothing to hide behind.
    turns = work.micro_batches
    forward = _exposed(gathered, busy - backward, overlap_gather) + gathered / pieces
    both = _exposed(reduced + gathered, backward, min(overlap_reduce, overlap_gather))
    share = reduced / (reduced + gathered) if reduced else 0.0
    if not software.reduces_once:
        return turns * both * share, turns * (forward + both * (1 - share))
    alone = _exposed(gathered, backward, overlap_gather)
    return both * share, turns * forward + (turns - 1) * alone + both * (1 - share)


def _exposed(moving: float, computing: float, overlap: float) -> float:
    """Seconds of an exchange that are not behind computing."""
    return max((1 - overlap) * moving, moving - overlap * computing) if moving else 0.0
