"""What the search asks of the estimates: time, memory, and what a layout's time can at best be, each asked once.

The bound needs no knowledge of how times are estimated. A layer takes what it takes whatever the number of stages and
replicas, so models of one layer and of two on one stage, estimated once for each shape and micro-batch, say how much
computing there is. With a perfect pipeline and nothing else, no layout is faster than its fullest stage allows:

    step  >=  S (m - 1 / V) + C / V      m: micro-batches per replica; V: virtual chunks
                                         C: the whole model on one micro-batch
                                         S: the fullest of P stages, at least C / P and at least ceil(layers / P) layers
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.architecture.stack import Architecture
from orchestrator.planning.capabilities import CAPABILITIES
from orchestrator.planning.features import distinct
from orchestrator.planning.hardware import Hardware
from orchestrator.planning.layout import Layout
from orchestrator.planning.memory import Memory, fits, memory_of
from orchestrator.planning.search.space import Modes, Shape, Space
from orchestrator.planning.stages import Stages, split
from orchestrator.planning.timing import StepTime, step_time
from orchestrator.planning.work import Work, work_of
from orchestrator.spec.run import RunSpec

COMPUTING = ("products", "attention", "elementwise", "recomputed", "launches", "tensor", "context", "expert")
"""Parts of a step's time that every layer has on every micro-batch."""
_ROUNDING = 1 - 1e-9


class Judge:
    """Estimates of one run on one cluster, remembered."""

    def __init__(self, spec: RunSpec[Any], architecture: Architecture, hardware: Hardware) -> None:
        self.spec, self.architecture, self.hardware = spec, architecture, hardware
        self.sequences = spec.training.batch.sequences
        self._dealt: dict[tuple[int, int], Stages] = {}
        self.stages = functools.lru_cache(maxsize=None)(self._stages)
        self.memory = functools.lru_cache(maxsize=None)(self._memory)
        self.time = functools.lru_cache(maxsize=None)(self._time)
        self.computing = functools.lru_cache(maxsize=None)(self._computing)

    def fits(self, layout: Layout, share: float) -> bool:
        """Whether a share of the device's memory holds it, and the host's memory what is offloaded."""
        ranks = min(self.hardware.per_node, layout.world_size)
        return fits(self.stages(layout), self.hardware, ranks=ranks, share=share)

    def bound(self, shape: Shape, place: tuple[int, int], room: tuple[int, int], recompute: str) -> float:
        """Seconds that no layout of these degrees goes below."""
        (pipeline, data), (virtual, micro_batch) = place, room
        return self.computing(shape, micro_batch, recompute).at_best(pipeline, virtual, self.sequences // (data * micro_batch))

    def _memory(self, layout: Layout) -> tuple[int, Memory]:
        return max(((stage.total, stage) for stage in self.stages(layout)), key=lambda pair: pair[0])

    def _stages(self, layout: Layout) -> tuple[Memory, ...]:
        return memory_of(self._work(layout), self.hardware)

    def _time(self, layout: Layout) -> tuple[float, StepTime]:
        step = step_time(self._work(layout), self.hardware)
        return sum(vars(step).values()), step

    def _work(self, layout: Layout) -> Work:
        """A step of the run, its blocks dealt to stages once for each number of them."""
        pieces = (layout.pipeline, layout.virtual)
        if pieces not in self._dealt:
            self._dealt[pieces] = split(self.architecture, layout)
        return replace(work_of(self.spec, self.architecture, layout), dealt=self._dealt[pieces])

    def _computing(self, shape: Shape, micro_batch: int, recompute: str) -> Computing:
        """Of a single micro-batch and the most that ZeRO partitions: adding up gradients costs nothing then."""
        data = 1
        while data * shape.context * shape.tensor % shape.folded:
            data += 1
        modes = Modes(zero=max(CAPABILITIES[shape.engine].zero_stages), offload="none", recompute=recompute)
        layout = Space.layout(shape, 1, data, 1, micro_batch, modes)
        blocks = self.architecture.blocks
        sizes = (1, 2) if len(distinct(blocks)) == 1 < len(blocks) else (len(blocks),)
        work = replace(work_of(self.spec, self.architecture, layout), sequences=data * micro_batch)
        steps = [
            step_time(replace(work, architecture=replace(self.architecture, blocks=blocks[:size])), self.hardware)
            for size in sizes
        ]
        times = [sum(getattr(step, part) for part in COMPUTING) for step in steps]
        layer = times[1] - times[0] if len(times) == 2 else 0.0
        whole = times[0] + layer * (len(blocks) - 1)
        return Computing(whole=whole, layer=layer, layers=len(blocks), fixed=steps[0].other)


@dataclass(frozen=True, kw_only=True)
class Computing:
    """Seconds of one micro-batch on one rank that held all layers: of all, of one layer (0: not all are alike); and of what
    no layout changes, per step."""

    whole: float
    layer: float
    layers: int
    fixed: float

    def at_best(self, pipeline: int, virtual: int, rounds: int) -> float:
        """Seconds of a step of `rounds` micro-batches."""
        fullest = max(self.whole / pipeline, -(-self.layers // pipeline) * self.layer)
        return (fullest * (rounds - 1 / virtual) + self.whole / virtual + self.fixed) * _ROUNDING
