"""The pipeline's schedule of one step, as data: which stage works on which micro-batch from when to when.

One forward, one backward (1F1B; Narayanan et al. 2021, section 2.2): stage p of P starts with P - p - 1 forward passes,
then takes a backward pass for every forward pass, and so holds at most P - p micro-batches. With V chunks per stage
(interleaved, section 2.2 there) a stage starts with 2 (P - p - 1) + (V - 1) P passes over its chunks in rounds of P
micro-batches. An operation starts when its stage is free and what it needs has arrived; sends take no time here, they
are a part of the step of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.planning.plan import Plan
from orchestrator.planning.stages import Stages

MOST_OPERATIONS = 200_000
_COMPUTING = ("products", "attention", "elementwise", "recomputed", "launches", "tensor", "context", "expert")


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One pass of one micro-batch over one chunk; seconds from the step's beginning."""

    stage: int
    kind: str
    """`forward` or `backward`."""
    micro_batch: int
    chunk: int
    start: float
    end: float


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """All operations of a step, in order of start; `after`: what follows them on every stage, by name, in seconds."""

    stages: int
    micro_batches: int
    chunks: int
    operations: tuple[Operation, ...]
    after: dict[str, float]

    @property
    def end(self) -> float:
        """When the last backward pass is over."""
        return max(operation.end for operation in self.operations)

    @property
    def bubble(self) -> float:
        """Share of the stages' time until then in which they idle."""
        busy = sum(operation.end - operation.start for operation in self.operations)
        return 1 - busy / (self.end * self.stages)


def timeline_of(plan: Plan) -> Timeline:
    """The schedule of a plan's step at full batch.

    A step's computing time is that of the stage that takes longest; the others take less by their share of matrix
    parameters. A backward pass takes as long as two forward passes, and one more where they are taken again.
    """
    parts, layout, work = plan.time.step, plan.layout, plan.work
    computing = sum(getattr(parts, name, 0.0) for name in _COMPUTING)
    per_chunk = _weights(plan)
    heaviest = max(sum(chunks) for chunks in per_chunk)
    passes = 4 if layout.recompute == "full" else 3
    unit = computing / work.micro_batches / heaviest
    forward = [[unit * weight / passes for weight in chunks] for chunks in per_chunk]
    backward = [[time * (passes - 1) for time in chunks] for chunks in forward]
    after = {name: getattr(parts, name, 0.0) for name in ("gradients", "gathers", "optimizer", "other")}
    return Timeline(
        stages=layout.pipeline, micro_batches=work.micro_batches, chunks=layout.virtual,
        operations=simulate(forward, backward, work.micro_batches), after={name: time for name, time in after.items() if time},
    )  # fmt: skip


def _weights(plan: Plan) -> list[list[float]]:
    """Matrix parameters of every chunk of every stage, the head's with them."""
    blocks, head = plan.architecture.blocks, plan.architecture.head.matmul_parameters
    stages: Stages = plan.stages
    return [
        [float(sum(b.matmul_parameters for b in blocks[chunk.first : chunk.last]) + (head if chunk.head else 0)) for chunk in chunks]
        for chunks in stages
    ]


def order(stage: int, stages: int, chunks: int, micro_batches: int) -> list[tuple[str, int, int]]:
    """(kind, micro-batch, chunk) as a stage takes them."""
    total = micro_batches * chunks
    forwards = [_pass(index, stages, chunks, micro_batches) for index in range(total)]
    backwards = [(micro_batch, chunks - 1 - chunk) for micro_batch, chunk in forwards]
    first = stages - stage - 1 if chunks == 1 else 2 * (stages - stage - 1) + (chunks - 1) * stages
    first = min(first, total)
    taken = [("forward", *step) for step in forwards[:first]]
    for index in range(first, total):
        taken += [("forward", *forwards[index]), ("backward", *backwards[index - first])]
    return taken + [("backward", *step) for step in backwards[total - first :]]


def _pass(index: int, stages: int, chunks: int, micro_batches: int) -> tuple[int, int]:
    """(micro-batch, chunk) of a stage's pass: rounds of as many micro-batches as stages, chunk after chunk."""
    if chunks == 1:
        return index, 0
    before = index // (stages * chunks) * stages
    width = min(stages, micro_batches - before)
    inside = index - before * chunks
    return before + inside % width, inside // width


def simulate(
    forward: Sequence[Sequence[float]], backward: Sequence[Sequence[float]], micro_batches: int
) -> tuple[Operation, ...]:
    """The operations of a step; `forward` and `backward`: seconds of a pass, [stage][chunk]."""
    stages, chunks = len(forward), len(forward[0])
    queues = [order(stage, stages, chunks, micro_batches) for stage in range(stages)]
    position, free = [0] * stages, [0.0] * stages
    done: dict[tuple[str, int, int, int], float] = {}
    operations: list[Operation] = []
    while len(operations) < 2 * stages * chunks * micro_batches:
        before = len(operations)
        for stage in range(stages):
            while position[stage] < len(queues[stage]):
                kind, micro_batch, chunk = queues[stage][position[stage]]
                arrived = _arrival(done, kind, micro_batch, stage, chunk, stages, chunks)
                if arrived is None:
                    break
                start = max(free[stage], arrived)
                free[stage] = start + (forward if kind == "forward" else backward)[stage][chunk]
                done[kind, micro_batch, stage, chunk] = free[stage]
                position[stage] += 1
                operations.append(
                    Operation(stage=stage, kind=kind, micro_batch=micro_batch, chunk=chunk, start=start, end=free[stage])
                )
        assert len(operations) > before, "the stages wait for one another"
    return tuple(sorted(operations, key=lambda operation: (operation.start, operation.stage)))


def _arrival(
    done: dict[tuple[str, int, int, int], float], kind: str, micro_batch: int, stage: int, chunk: int, stages: int, chunks: int
) -> float | None:
    """When what an operation needs is there; None: what makes it has not been placed yet."""
    place = chunk * stages + stage
    if kind == "forward":
        return 0.0 if place == 0 else done.get(("forward", micro_batch, (place - 1) % stages, (place - 1) // stages))
    if place == stages * chunks - 1:
        return done.get(("forward", micro_batch, stage, chunk))
    return done.get(("backward", micro_batch, (place + 1) % stages, (place + 1) // stages))
