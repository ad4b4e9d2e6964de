"""Bytes of weights, gradients and optimizer state on one rank: what ZeRO partitions, and what each stack adds to it.

With AdamW in 16 bits the ZeRO paper (Rajbhandari et al. 2020, section 3) counts 2 bytes of weight, 2 of gradient and
12 of fp32 master and moments per parameter, Megatron-LM 18 with its fp32 gradients (`theoretical_memory_usage.py`). Stacks
differ from both, and the traits of `held.py` say by how much; this project's own engines:

    megatron    gradients in one fp32 buffer, 2 + 4 + 12; ZeRO 1 is its distributed optimizer, 6 + 12 / n
    deepspeed   gradients accumulated and reduced in fp32; stage 1 holds them whole and once more as they are made,
                2 + 6 + 12 / n in bf16; in fp32 ZeRO's flat partition is a copy of its own, 4 + 8 + 12 / n
    reference   gradients in fp32, no partition

Offload moves the optimizer's state to the host, and with it gradients, which DeepSpeed keeps there more than once (per
parameter of a partition; deepspeed/runtime/zero/stage3.py and stage_1_and_2.py, 0.19):

    stage 3     4 of the flat buffer that accumulates, 4 of the fp32 gradients that the optimizer reads; none on the device
    stage 1, 2  4 of the latter, weights on their way up in their own width, and where micro-batches accumulate their gradients;
                at stage 1 the device keeps its own whole until the last micro-batch

These are what live tensors add up to on one and two ranks (tests/engines/test_held.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.planning.work import Work

_MOMENTS = {"adamw": 8, "adamw_8bit": 2}
"""Bytes per parameter of an optimizer's state; Adafactor's rows and columns are at most 1."""


@dataclass(frozen=True, kw_only=True)
class States:
    """Bytes on one rank; `cast`: of gradients in fp32 during the optimizer's step alone; `host`: in host memory."""

    weights: int
    gradients: int
    optimizer: int
    cast: int = 0
    host: int = 0


def states(work: Work, dense: int, experts: int) -> States:
    """Of `dense` parameters that data and context ranks share, and of parameters of `experts` that fewer share."""
    layout, stack = work.layout, work.held
    both = ((dense, layout.replicas), (experts, layout.expert_replicas))

    def held(width: float, least_stage: int) -> int:
        return sum(int(count * width) // (shared if layout.zero >= least_stage else 1) for count, shared in both)

    weights, gradients, optimizer = held(weight_bytes(work), 3), held(gradient_bytes(work), 2), held(optimizer_bytes(work), 1)
    cast = held(4, 1) if stack.casts_gradients and gradient_bytes(work) < 4 else 0
    if layout.zero >= 3 and stack.accumulates_whole and work.micro_batches > 1:
        gradients = sum(4 * count for count, _ in both)
    host = 0
    if layout.offload != "none":
        host = optimizer + held(_host_gradient_bytes(work), 1) + (weights if layout.offload == "parameters" else 0)
        gradients = gradients if layout.zero < 2 else 0
    return States(
        weights=0 if layout.offload == "parameters" else weights, gradients=gradients,
        optimizer=0 if layout.offload != "none" else optimizer, cast=cast, host=host,
    )  # fmt: skip


def _host_gradient_bytes(work: Work) -> int:
    """Per parameter of a rank's partition, where the optimizer is offloaded."""
    if work.layout.zero >= 3:
        return 4 + 4
    return 4 + work.width + (work.width if work.micro_batches > 1 else 0)


def weight_bytes(work: Work) -> int:
    """Per parameter, as kept between steps."""
    return work.held.weight_bytes or work.width


def gradient_bytes(work: Work) -> int:
    """Per parameter, before partitioning."""
    stack = work.held
    if work.precision == "bf16" and stack.gradient_bytes_bf16 is not None:
        return stack.gradient_bytes_bf16
    kept = stack.gradient_bytes or work.software.gradient_bytes or work.width
    return kept + (work.width if stack.gradients_beside and work.layout.zero == 1 else 0)


def optimizer_bytes(work: Work) -> int:
    """Per parameter: fp32 master where weights are not fp32 themselves, or are but lie in ZeRO's flat copy; moments."""
    stack = work.held
    if stack.optimizer_bytes is not None:
        return stack.optimizer_bytes
    moments = _MOMENTS.get(work.optimizer, 1)
    flat = stack.flat_partitions and work.layout.zero >= 1
    return moments + (4 if work.width < 4 or flat else 0)


def bucket_bytes(work: Work, parameters: int) -> int:
    """The buckets that gradients are copied to in order to be reduced; none where they lie in one buffer already."""
    bucket, layout = work.held.bucket, work.layout
    if not bucket or layout.replicas == 1:
        return 0
    reduced = 4 if work.precision != "fp16" else 2
    return min(parameters, bucket) * reduced


def gathered_bytes(work: Work, block: int, edges: int, parameters: int) -> int:
    """What ZeRO 3 holds of whole weights, and of a block's whole gradients before they are shared out.

    block, edges, parameters: of the largest block, of the vocabulary's ends, and of the stage, on one rank before partitioning.
    """
    layout, most = work.layout, work.held.live_parameters
    if layout.zero < 3 or layout.replicas == 1:
        return 0
    if most is not None:
        live = min(parameters, most)
    elif layout.pipeline > 1:
        # Gathering anew for every micro-batch would cost more than the memory: the stage stays whole.
        live = parameters
    else:
        live = min(parameters, 2 * block + edges)
    return live * work.width + block * (work.width + (work.software.gradient_bytes or work.width))
