"""A plan -> how reliable it is: reliability_of in closed form, conditions_of for the simulation."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.planning.reliability import intervals
from orchestrator.planning.reliability.checkpoints import (
    asynchronous,
    blocking,
)
from orchestrator.planning.reliability.conditions import Conditions, Pause
from orchestrator.planning.reliability.defaults import NODE_COPY, Circumstances, circumstances
from orchestrator.planning.reliability.sizes import node_counts
from orchestrator.planning.reliability.spares import spares_that_suffice

if TYPE_CHECKING:
    from orchestrator.planning.plan import Plan

FORWARD = 1 / 3
"""Time of a forward pass as a share of a step, for validation: a backward pass takes twice as long (Kaplan et al. 2020)."""


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """What failures and checkpoints make of a plan. Times in seconds, lengths between saves also in steps.

    `ettr` is the share of useful time with the page's interval, `best_ettr` with the best one; both know neither
    spare nodes nor stragglers, which the simulation does.
    """

    checkpoint_bytes: int
    save_s: float
    load_s: float
    nodes: int
    mtbf_s: float
    restart_s: float
    """From a failure to the next step: detection, restart and reading the checkpoint."""
    interruptions: float
    every_s: float
    every_steps: int
    young_s: float
    daly_s: float
    nvidia_s: float
    best_s: float
    best_steps: int
    ettr: float
    best_ettr: float
    days: float
    """With the page's interval."""
    assumed: tuple[str, ...]
    """What the cluster page did not say, and what was taken in its place."""


def reliability_of(plan: Plan) -> Reliability:
    """The plan on its cluster, in closed form (Daly's model: failures without memory, training waits for saves)."""
    around = circumstances(plan.cluster)
    size = plan.checkpoint_bytes
    save_s, load_s = around.storage.save_s(size, plan.nodes), _load_s(plan, around, size, plan.nodes)
    mtbf_s = intervals.job_mtbf(sum(hazard.per_1000_node_days for hazard in around.hazards), plan.nodes)
    restart_s = around.detect_s + around.recovery.restart_s + load_s
    every_steps = min(plan.every(plan.spec.checkpoint.every), plan.total_steps)
    every_s = every_steps * plan.time.step_s
    best_s = _best(save_s, mtbf_s, plan.time.total_s)
    best_steps = max(1, round(best_s / plan.time.step_s))
    ettr = intervals.daly_ettr(every_s, save_s, mtbf_s, restart_s)
    wall_s = plan.time.total_s / ettr if ettr else math.inf
    return Reliability(
        checkpoint_bytes=size, save_s=save_s, load_s=load_s, nodes=plan.nodes, mtbf_s=mtbf_s, restart_s=restart_s,
        interruptions=wall_s / mtbf_s, every_s=every_s, every_steps=every_steps,
        young_s=intervals.young(save_s, mtbf_s), daly_s=intervals.daly(save_s, mtbf_s),
        nvidia_s=intervals.nvidia(save_s, mtbf_s, restart_s, around.detect_s), best_s=best_s, best_steps=best_steps,
        ettr=ettr, best_ettr=intervals.daly_ettr(best_steps * plan.time.step_s, save_s, mtbf_s, restart_s),
        days=wall_s / intervals.DAY, assumed=around.assumed,
    )  # fmt: skip


def conditions_of(plan: Plan, devices: int | None = None) -> Conditions:
    """The plan's run, or the same job on another number of devices, to simulate.

    Other devices scale ideally: the undisturbed time shrinks as they grow in number, the spare nodes that are said grow
    with them, and the run saves at Daly's interval instead of the page's. Spare nodes that are not said suffice.
    """
    around = circumstances(plan.cluster)
    count = devices or plan.world_size
    nodes = math.ceil(count / plan.per_node)
    scale = plan.world_size / count
    size = plan.checkpoint_bytes
    save = blocking(size, around.storage, nodes)
    work_s, step_s = plan.time.total_s * scale, plan.time.step_s * scale
    every_s = min(plan.every(plan.spec.checkpoint.every), plan.total_steps) * step_s
    if devices is not None:
        rate = sum(hazard.per_1000_node_days for hazard in around.hazards)
        every_s = max(step_s, _best(save.stall_s, intervals.job_mtbf(rate, nodes), work_s))
    spares = math.ceil(around.recovery.spares * nodes / plan.nodes)
    if not around.spares_said:
        spares = spares_that_suffice(around.hazards, nodes, around.recovery.repair_s)
    restart_s = around.recovery.restart_s + _load_s(plan, around, size, nodes)
    return Conditions(
        nodes=nodes, work_s=work_s, every_s=every_s, save=save, hazards=around.hazards, stragglers=around.stragglers,
        recovery=replace(around.recovery, restart_s=restart_s, spares=spares, sizes=node_counts(plan, nodes)),
        pauses=_validation(plan, step_s),
    )  # fmt: skip


def asynchronous_conditions(plan: Plan) -> Conditions:
    """The plan's run if its saves went to host memory first, at the interval that is best then: no shorter than a write."""
    around, blocked = circumstances(plan.cluster), conditions_of(plan)
    size = plan.checkpoint_bytes
    save = asynchronous(size, around.storage, blocked.nodes, NODE_COPY)
    best_s = _best(save.stall_s, intervals.job_mtbf(blocked.per_1000_node_days, blocked.nodes), blocked.work_s)
    return replace(blocked, save=save, every_s=max(best_s, save.persist_s, plan.time.step_s))


def _best(save_s: float, mtbf_s: float, work_s: float) -> float:
    """Daly's interval, within the run."""
    return min(intervals.daly(save_s, mtbf_s), work_s)


def _load_s(plan: Plan, around: Circumstances, size: int, nodes: int) -> float:
    """Seconds to read a checkpoint; without ZeRO every replica reads all of it."""
    return around.storage.load_s(size, nodes, copies=1 if plan.zero_stage else plan.data)


def _validation(plan: Plan, step_s: float) -> tuple[Pause, ...]:
    said = plan.spec.training.validation
    if said is None:
        return ()
    lasts_s = FORWARD * step_s * said.samples / plan.batch.segments[-1].sequences
    return (Pause(name="validation", every_s=plan.every(said.every) * step_s, lasts_s=lasts_s),)
