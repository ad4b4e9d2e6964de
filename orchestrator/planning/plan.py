"""make_plan: what was said -> everything that will happen. The only way a Plan is made."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.architecture.stack import Architecture
from orchestrator.errors import PlanError
from orchestrator.planning.batch import BatchPlan, Lengths, segments_of
from orchestrator.planning.choose import choose, choose_layout
from orchestrator.planning.devices import Device
from orchestrator.planning.flops import flops_per_token
from orchestrator.planning.hardware import Hardware, hardware_of
from orchestrator.planning.layout import Layout
from orchestrator.planning.memory import Memory, memory_of
from orchestrator.planning.mesh import coordinates
from orchestrator.planning.neighbours import with_nearest
from orchestrator.planning.rank_map import map_as_data
from orchestrator.planning.reliability.checkpoints import checkpoint_bytes, contents_of
from orchestrator.planning.rules.lengths import problems_of_lengths
from orchestrator.planning.schedule import LrSchedule, resolve_schedule
from orchestrator.planning.search import Candidate, Searched
from orchestrator.planning.stages import Stages, split
from orchestrator.planning.time import CONVENTION, Time, time_of
from orchestrator.planning.work import Work, work_of
from orchestrator.spec.cluster import ClusterSpec
from orchestrator.spec.run import RunSpec
from orchestrator.units import Amount

IDLE_MFU = 0.2
"""Below half of what well-used devices reach (published runs lie between 0.3 and 0.55), a searched layout is told to be wide."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run on a cluster, worked out. Immutable; `as_dict` is what `plan.json` holds."""

    spec: RunSpec[Any]
    cluster: ClusterSpec
    architecture: Architecture
    layout: Layout
    hardware: Hardware
    batch: BatchPlan
    schedule: LrSchedule
    total_steps: int
    stage_memory: tuple[Memory, ...]
    """Bytes on one rank of every pipeline stage."""
    time: Time
    reasons: tuple[str, ...]
    candidates: tuple[Candidate, ...] = ()
    """The best layouts of a search, the chosen one first; none where the page says its layout."""
    searched: Searched | None = None
    """How many layouts the search found legal, estimated and fitting."""

    @property
    def work(self) -> Work:
        """One step at full batch."""
        return work_of(self.spec, self.architecture, self.layout)

    @property
    def device_spec(self) -> Device:
        return self.hardware.device

    @property
    def engine(self) -> str:
        return self.layout.engine

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""
        return self.device_spec.kind

    @property
    def world_size(self) -> int:
        return self.layout.world_size

    @property
    def data(self) -> int:
        return self.layout.data

    @property
    def tensor(self) -> int:
        return self.layout.tensor

    @property
    def pipeline(self) -> int:
        return self.layout.pipeline

    @property
    def context(self) -> int:
        return self.layout.context

    def data_rank(self, rank: int) -> int:
        """Which data-parallel replica a rank belongs to: the samples it reads."""
        return coordinates(self.layout, rank).data

    def feeds(self, rank: int) -> bool:
        """Whether a rank is the one of its replica that counts what the replica was fed."""
        return coordinates(self.layout, rank).feeds

    @property
    def per_node(self) -> int:
        """Devices in one node; ranks fill nodes in order."""
        return self.cluster.node.count or 1

    @property
    def memory(self) -> Memory:
        """Bytes on one rank of the stage that needs most."""
        return max(self.stage_memory, key=lambda memory: memory.total)

    @property
    def stages(self) -> Stages:
        """The blocks of every pipeline rank, chunk by chunk."""
        return split(self.architecture, self.layout)

    @property
    def ramps_up(self) -> bool:
        """Whether the first steps take fewer sequences than the last."""
        return len(self.batch.segments) > 1

    @property
    def micro_batch(self) -> int:
        return self.layout.micro_batch

    @property
    def zero_stage(self) -> int:
        return self.layout.zero

    @property
    def offload(self) -> str:
        return self.layout.offload

    @property
    def recompute(self) -> str:
        return self.layout.recompute

    @property
    def sequence_length(self) -> int:
        return self.spec.data.sequence_length

    @property
    def seed(self) -> int:
        return self.spec.training.seed

    @property
    def precision(self) -> str:
        return self.spec.training.precision

    @property
    def flops_per_token(self) -> int:
        """Training FLOPs per token by `time.CONVENTION`, as in plan.json and metrics.jsonl."""
        return round(flops_per_token(self.architecture, self.sequence_length, CONVENTION))

    @property
    def peak_flops(self) -> float:
        """Peak FLOP/s of one device at the run's precision."""
        return self.device_spec.peak_at(self.precision)

    @property
    def nodes(self) -> int:
        """Nodes that take part."""
        return math.ceil(self.world_size / self.per_node)

    @property
    def checkpoint_bytes(self) -> int:
        """Size of one checkpoint."""
        return checkpoint_bytes(self.architecture.parameters, contents_of(self.spec.training.optimizer.name))

    def every(self, amount: Amount) -> int:
        """A repeated amount (`every: 10M tokens`) in steps at full batch, at least 1."""
        if amount.unit == "steps":
            return amount.value
        per_step = self.batch.segments[-1].sequences * (self.sequence_length if amount.unit == "tokens" else 1)
        return max(1, round(amount.value / per_step))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        tokens = self.batch.tokens_after(self.total_steps)
        return {
            "engine": self.engine,
            "device": self.device_spec.name,
            "nodes": self.nodes,
            "world_size": self.world_size,
            "layout": asdict(self.layout),
            "parameters": self.architecture.parameters,
            "flops_per_token": self.flops_per_token,
            "flops_convention": CONVENTION,
            "sequence_length": self.sequence_length,
            "steps": self.total_steps,
            "samples": self.batch.samples_after(self.total_steps),
            "tokens": tokens,
            "batch": [asdict(segment) | {"accumulation": self.batch.at(segment.first_step).accumulation} for segment in self.batch.segments],
            "schedule": {
                name: getattr(self.schedule, name)
                for name in ("name", "peak", "floor", "unit", "warmup", "decay_start", "decay_end")
            },
            "memory": asdict(self.memory) | {"total": self.memory.total, "device": self.device_spec.memory},
            "stages": [
                {"chunks": [asdict(chunk) for chunk in chunks], "memory": asdict(memory) | {"total": memory.total}}
                for chunks, memory in zip(self.stages, self.stage_memory, strict=True)
            ],
            "rank_map": map_as_data(self.layout, self.per_node),
            "time": asdict(self.time) | {"step_s": self.time.step_s},
            "checkpoint_bytes": self.checkpoint_bytes,
            "reasons": list(self.reasons),
            "candidates": [candidate.as_dict() for candidate in self.candidates],
            "searched": asdict(self.searched) if self.searched else None,
        }


def make_plan(
    spec: RunSpec[Any], cluster: ClusterSpec, world_size: int | None = None, lengths: tuple[Lengths, ...] = ()
) -> Plan:
    """Works a run out on a cluster, or on the `world_size` ranks that a gang was given.

    lengths: those of sequences, where they change on the way (a mixture's schedule). Memory and time are told of the longest.
    `cluster` must name its accelerator (the launcher grounds `local` pages first). Raises PlanError
    when a rule is broken or nothing fits, with the numbers and the nearest legal change.
    """
    if cluster.node.accelerator == "local" or cluster.node.count is None:
        raise AssertionError("a `local` cluster page must be grounded before it is planned on")
    architecture: Architecture = spec.model.architecture()
    hardware = hardware_of(cluster)
    devices = world_size or cluster.nodes * cluster.node.count
    try:
        choice = choose(spec, architecture, hardware, devices, exactly=world_size is not None)
    except PlanError as error:
        raise with_nearest(error, spec, architecture, hardware, devices) from None
    layout, reasons = choice.layout, choice.reasons
    if world_size is not None and layout.world_size != world_size:
        replica = layout.world_size // layout.data
        quantum = f"; legal gangs are multiples of {replica}" if replica > 1 else ""
        raise PlanError(f"the gang has {world_size} ranks and the layout needs {layout.product}{quantum}")
    batch = BatchPlan(
        segments=segments_of(spec.training.batch), sequence_length=spec.data.sequence_length, data=layout.data,
        micro_batch=layout.micro_batch, lengths=lengths,
    )  # fmt: skip
    if problems := problems_of_lengths(batch, layout):
        raise PlanError(problems)
    if layout.world_size > cluster.node.count and cluster.network is None and hardware.device.kind != "cpu":
        reasons = (*reasons, "the cluster page says no `network`: times take nodes to be joined as devices inside one")
    cores = cluster.node.cores
    if hardware.device.kind == "cpu" and cores and layout.world_size > cores * cluster.nodes:
        reasons = (*reasons, f"{layout.world_size} workers share {cores * cluster.nodes} cores")
    training = spec.training
    length = Amount(training.steps, "steps") if training.steps else Amount(training.tokens or 0, "tokens")
    total_steps = batch.steps_for(length)
    work = work_of(spec, architecture, layout)
    time = time_of(work, hardware, steps=batch.steps_by_size(total_steps), price=cluster.price_per_device_hour)
    if choice.searched and time.mfu < IDLE_MFU:
        few = f"{work.sequences:,} sequences a step are few for {layout.world_size:,} devices"
        reasons = (*reasons, f"MFU {time.mfu:.1%}: {few}; fewer of them take longer and cost less (say `nodes` on the cluster page)")
    return Plan(
        spec=spec, cluster=cluster, architecture=architecture, layout=layout, hardware=hardware, batch=batch,
        schedule=resolve_schedule(training.schedule, training.optimizer.lr, batch, total_steps),
        total_steps=total_steps, stage_memory=memory_of(work, hardware), reasons=reasons,
        time=time, candidates=choice.candidates, searched=choice.searched,
    )  # fmt: skip


def largest_gang(spec: RunSpec[Any], cluster: ClusterSpec, at_most: int) -> int:
    """The most ranks, up to `at_most`, that the run can go on with: data shrinks, a replica never does. Where the page
    leaves the layout open, as many as the fastest layout on what is left takes.

    Raises PlanError when not even that is legal, as where `data` was said.
    """
    assert cluster.node.count is not None, "a `local` cluster page must be grounded before it is planned on"
    layout, _ = choose_layout(spec, spec.model.architecture(), hardware_of(cluster), at_most)
    return layout.world_size
