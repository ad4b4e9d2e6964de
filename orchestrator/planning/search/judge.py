"""What the search asks of the estimates: time, memory, and what a layout's time can at best be, each asked once.

The bound needs no knowledge of how times are estimated. A layer takes what it takes whatever the number of stages and
replicas, so a whole model on one stage, estimated once for each shape and micro-batch, says how much computing there is;
spread evenly over P stages and D replicas, with the bubble of a perfect pipeline and nothing else, no layout is faster:

    step  >=  C / P (m + (P - 1) / V)        C: the model on one micro-batch, m: micro-batches per replica
"""

from __future__ import annotations

import functools
from typing import Any

from orchestrator.architecture.stack import Architecture
from orchestrator.planning.hardware import Hardware
from orchestrator.planning.layout import Layout
from orchestrator.planning.memory import Memory, memory_of
from orchestrator.planning.search.space import Modes, Shape, Space
from orchestrator.planning.timing import StepTime, step_time
from orchestrator.planning.work import work_of
from orchestrator.spec.run import RunSpec

COMPUTING = ("products", "attention", "elementwise", "recomputed", "launches", "tensor", "context", "expert")
"""Parts of a step's time that every layer has on every micro-batch."""
_ROUNDING = 1 - 1e-9


class Judge:
    """Estimates of one run on one cluster, remembered."""

    def __init__(self, spec: RunSpec[Any], architecture: Architecture, hardware: Hardware) -> None:
        self.spec, self.architecture, self.hardware = spec, architecture, hardware
        self.sequences = spec.training.batch.sequences
        self.memory = functools.lru_cache(maxsize=None)(self._memory)
        self.time = functools.lru_cache(maxsize=None)(self._time)
        self.computing = functools.lru_cache(maxsize=None)(self._computing)

    def fits(self, memory: Memory, layout: Layout, share: float) -> bool:
        """Whether a share of the device's memory holds it, and the host's memory what is offloaded."""
        hosts = min(self.hardware.per_node, layout.world_size)
        if memory.host and self.hardware.host_memory and memory.host * hosts > self.hardware.host_memory:
            return False
        return memory.total <= share * self.hardware.device.memory

    def bound(self, shape: Shape, place: tuple[int, int], room: tuple[int, int], recompute: str) -> float:
        """Seconds that no layout of these degrees goes below."""
        (pipeline, data), (virtual, micro_batch) = place, room
        each, fixed = self.computing(shape, micro_batch, recompute)
        rounds = self.sequences // (data * micro_batch)
        return (each / pipeline * (rounds + (pipeline - 1) / virtual) + fixed) * _ROUNDING

    def _memory(self, layout: Layout) -> Memory:
        return max(memory_of(work_of(self.spec, self.architecture, layout), self.hardware), key=lambda memory: memory.total)

    def _time(self, layout: Layout) -> StepTime:
        return step_time(work_of(self.spec, self.architecture, layout), self.hardware)

    def _computing(self, shape: Shape, micro_batch: int, recompute: str) -> tuple[float, float]:
        """(seconds of the whole model on one micro-batch, seconds that no layout changes)."""
        data = 1
        while data * shape.context * shape.tensor % shape.folded:
            data += 1
        alone = Modes(zero=0, offload="none", recompute=recompute)
        step = self.time(Space.layout(shape, 1, data, 1, micro_batch, alone))
        rounds = max(1, self.sequences // (data * micro_batch))
        return sum(getattr(step, part) for part in COMPUTING) / rounds, step.other
