"""The same run on fewer and on more devices, planned anew at each count: by keeping the batch, and by growing it.

Strong scaling keeps the global batch, and with it the experiment, so that each replica gets fewer micro-batches and
the bubble and the exchange of gradients weigh more. Weak scaling keeps each replica's share, and is another experiment.
Replicas are added and removed; how a replica is cut stays. What the page left open (micro-batch, ZeRO) is chosen anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from orchestrator.errors import PlanError
from orchestrator.planning.choose import choose_layout
from orchestrator.planning.hardware import hardware_of
from orchestrator.planning.plan import Plan
from orchestrator.planning.time import time_of
from orchestrator.planning.work import work_of
from orchestrator.spec.run import RunSpec

RATIOS = tuple(Fraction(2) ** power for power in range(-6, 4))
"""Of the plan's own number of replicas."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One count of devices. `mfu` in the convention of planning.time.CONVENTION."""

    devices: int
    nodes: int
    sequences: int
    micro_batch: int
    zero: int
    step_s: float
    tokens_per_s: float
    mfu: float


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Points by number of devices; a count at which nothing is legal or fits is left out."""

    strong: tuple[Point, ...]
    weak: tuple[Point, ...]


def scaling_of(plan: Plan) -> Scaling:
    """Both curves, from one replica (or a 64th) to eight times the plan's devices; one node without a network stays one."""
    strong = [point for ratio in RATIOS if (point := _point(plan, ratio, grows=False))]
    weak = [point for ratio in RATIOS if (point := _point(plan, ratio, grows=True))]
    return Scaling(strong=tuple(strong), weak=tuple(weak))


def _point(plan: Plan, ratio: Fraction, *, grows: bool) -> Point | None:
    data, batch = ratio * plan.data, plan.spec.training.batch.sequences
    sequences = ratio * batch if grows else Fraction(batch)
    devices = data * (plan.world_size // plan.data)
    if data.denominator > 1 or sequences.denominator > 1 or (ratio != 1 and _beyond(plan, int(devices))):
        return None
    nodes = -(-int(devices) // plan.per_node)
    cluster = plan.cluster.model_copy(update={"nodes": nodes})
    spec = _scaled(plan, int(data), int(sequences))
    hardware = hardware_of(cluster)
    try:
        layout = plan.layout if ratio == 1 else choose_layout(spec, plan.architecture, hardware, int(devices))[0]
    except PlanError:
        return None
    work = work_of(spec, plan.architecture, layout)
    time = time_of(work, hardware, steps={work.sequences: 1}, price=None)
    return Point(
        devices=layout.world_size, nodes=nodes, sequences=int(sequences), micro_batch=layout.micro_batch, zero=layout.zero,
        step_s=time.step_s, tokens_per_s=time.tokens_per_s, mfu=time.mfu,
    )  # fmt: skip


def _beyond(plan: Plan, devices: int) -> bool:
    """More devices than can be joined: a page of one node says no network, and workers on the CPU share its cores."""
    return devices > plan.cluster.nodes * plan.per_node and (plan.cluster.network is None or plan.device == "cpu")


def _scaled(plan: Plan, data: int, sequences: int) -> RunSpec[Any]:
    """The page with its replicas numbered, the cut of a replica kept, and the batch of `sequences`."""
    said, layout, training = plan.spec.parallelism, plan.layout, plan.spec.training
    kept = ("engine", "tensor", "pipeline", "context", "virtual", "expert", "expert_tensor", "sequence_parallel", "offload", "recompute")
    cut = said.model_copy(update={"data": data, **{name: getattr(layout, name) for name in kept}})
    batch = training.batch.model_copy(update={"sequences": sequences, "ramp_up": None})
    return plan.spec.model_copy(update={"parallelism": cut, "training": training.model_copy(update={"batch": batch})})
