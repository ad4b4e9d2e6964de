"""Every legal layout of a run, generated instead of filtered: the product of all degrees is millions, mostly illegal.

The rules (planning/rules) stay the only judge. What is written here are consequences of them, so that illegal layouts are
not even made; a test holds both sets against each other, layout by layout.

    shape     what the computing of one layer depends on: engine, tensor, context, expert, ... degrees
    spread    pipeline and data degree, virtual chunks, micro-batch: how often the layer is computed, and where
    modes     ZeRO stage, offload, recomputation

A key that the page says has one value; one left open has all that are legal.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.planning.capabilities import CAPABILITIES
from orchestrator.planning.layout import Layout
from orchestrator.planning.rules import Case, batch_sizes_gcd, breaks_no_rule, divisors

MOST_TOKENS_PER_MICRO_BATCH = 2**15
"""Matrices gain nothing from more rows, and logits take memory for every one."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What the time of one layer on one micro-batch depends on, but for the micro-batch."""

    engine: str
    tensor: int
    context: int
    sequence_parallel: bool
    expert: int
    expert_tensor: int

    @property
    def folded(self) -> int:
        """Ranks that share out one layer's experts."""
        return self.expert * self.expert_tensor


@dataclass(frozen=True, kw_only=True)
class Modes:
    """What a rank does with what it holds."""

    zero: int
    offload: str
    recompute: str


class Space:
    """The legal layouts of a case, whose own layout counts for nothing.

    offloads: which values an open `offload` takes. exactly: whether every device must take part.
    """

    def __init__(self, case: Case, *, offloads: tuple[str, ...] = ("none",), exactly: bool = False) -> None:
        self.case, self.exactly = case, exactly
        self.said = case.spec.parallelism
        self.layers = len(case.architecture.blocks)
        self.common = batch_sizes_gcd(case.spec)
        self.length = case.spec.data.sequence_length
        self._offloads = offloads if self.said.offload == "auto" else (self.said.offload,)
        self._rooms = functools.lru_cache(maxsize=None)(self._legal_rooms)
        self._finest = functools.lru_cache(maxsize=None)(self._finest_rooms)
        self._places: dict[tuple[str, int, int, int], tuple[tuple[int, int], ...]] = {}
        self._shapes: tuple[Shape, ...] | None = None

    @functools.cached_property
    def engines(self) -> list[str]:
        """Engines that can train this model at all, in the order of CAPABILITIES but for the reference, which comes last."""
        names = [name for name in CAPABILITIES if name != "reference"] + ["reference"]
        names = names if self.said.engine == "auto" else [self.said.engine]
        return [name for name in names if breaks_no_rule(replace(self.case, layout=_trivial(name)))]

    @functools.cached_property
    def micro_batches(self) -> list[int]:
        """Sizes that divide the batch of one replica; more replicas leave fewer of them."""
        most = max(1, MOST_TOKENS_PER_MICRO_BATCH // self.length)
        return list(_values(self.said.micro_batch, divisors(self.common, at_most=most)))

    def shapes(self) -> tuple[Shape, ...]:
        """Every shape that a legal layout may have."""
        if self._shapes is None:
            self._shapes = tuple(self._legal_shapes())
        return self._shapes

    def _legal_shapes(self) -> Iterator[Shape]:
        for engine in self.engines:
            for tensor in self._tensors(engine):
                for context in self._contexts(engine, tensor):
                    for shares in self._shares(engine, tensor, context):
                        for expert, cut in self._experts(engine, tensor):
                            yield Shape(
                                engine=engine, tensor=tensor, context=context, sequence_parallel=shares, expert=expert,
                                expert_tensor=cut,
                            )  # fmt: skip

    def places(self, shape: Shape) -> tuple[tuple[int, int], ...]:
        """(pipeline, data) degrees that the devices, the nodes and the experts allow; some may leave no micro-batch."""
        key = (shape.engine, shape.tensor, shape.context, shape.folded)
        if key not in self._places:
            self._places[key] = tuple(self._legal_places(shape))
        return self._places[key]

    def finest(self, shape: Shape, pipeline: int, data: int, micro_batch: int) -> int:
        """The most virtual chunks that go with a place and a micro-batch; 0: the micro-batch does not."""
        return self._finest("virtual" in CAPABILITIES[shape.engine].axes, pipeline, data).get(micro_batch, 0)

    def _legal_places(self, shape: Shape) -> Iterator[tuple[int, int]]:
        group = shape.tensor * shape.context
        most = self.case.devices // group
        for pipeline in self._pipelines(shape.engine, most):
            for data in self._datas(shape.engine, most // pipeline):
                world = group * pipeline * data
                if self.exactly and world != self.case.devices:
                    continue
                if self._stays(shape.tensor, world) and self._deals(shape, data, world):
                    yield pipeline, data

    def rooms(self, shape: Shape, pipeline: int, data: int) -> tuple[tuple[int, int], ...]:
        """(virtual, micro-batch) that go with a place."""
        return self._rooms("virtual" in CAPABILITIES[shape.engine].axes, pipeline, data)

    @functools.lru_cache(maxsize=16)  # noqa: B019
    def modes(self, engine: str) -> tuple[Modes, ...]:
        """ZeRO stages, offload and recomputation that an engine and the optimizer have together."""
        able, said = CAPABILITIES[engine], self.said
        stages = able.zero_stages & able.zero_stages_of_optimizer[self.case.spec.training.optimizer.name]
        return tuple(
            Modes(zero=zero, offload=offload, recompute=recompute)
            for recompute in _values(said.recompute, ("none", "selective", "full")) if recompute in able.recompute
            for offload in self._offloads if offload in able.offload
            for zero in _values(said.zero, sorted(stages))
            if zero in stages and zero >= {"none": 0, "optimizer": 1, "parameters": 3}[offload]
        )  # fmt: skip

    def case_of(self, layout: Layout) -> Case:
        """What rules judge of one layout."""
        return replace(self.case, layout=layout)

    @staticmethod
    def layout(shape: Shape, pipeline: int, data: int, virtual: int, micro_batch: int, modes: Modes) -> Layout:
        """One layout of the space."""
        return Layout(
            engine=shape.engine, data=data, tensor=shape.tensor, pipeline=pipeline, micro_batch=micro_batch, zero=modes.zero,
            offload=modes.offload, recompute=modes.recompute, context=shape.context, virtual=virtual, expert=shape.expert,
            expert_tensor=shape.expert_tensor, sequence_parallel=shape.sequence_parallel,
        )  # fmt: skip

    def layouts(self) -> Iterator[Layout]:
        """All of them, for spaces that are small enough."""
        for shape in self.shapes():
            for pipeline, data in self.places(shape):
                for virtual, micro_batch in self.rooms(shape, pipeline, data):
                    for modes in self.modes(shape.engine):
                        yield self.layout(shape, pipeline, data, virtual, micro_batch, modes)

    def count(self) -> int:
        """How many there are, without making one: shapes that differ in nothing that places depend on are counted once."""
        alike: dict[tuple[str, int, int, int], tuple[Shape, int]] = {}
        for shape in self.shapes():
            key = (shape.engine, shape.tensor, shape.context, shape.folded)
            alike[key] = (shape, alike.get(key, (shape, 0))[1] + 1)
        return sum(
            times * len(self.modes(shape.engine)) * sum(len(self.rooms(shape, *place)) for place in self.places(shape))
            for shape, times in alike.values()
        )

    def _tensors(self, engine: str) -> list[int]:
        sizes = [*(block.attention.heads for block in self.case.blocks), *(block.attention.kv_heads for block in self.case.blocks)]
        sizes += [size for block in self.case.blocks if (size := getattr(block.feed_forward, "size", 0))]
        legal = divisors(math.gcd(*sizes), at_most=min(self.case.per_node, self.case.devices))
        return self._degrees("tensor", engine, legal)

    def _contexts(self, engine: str, tensor: int) -> list[int]:
        pairs = [(block.attention.heads // tensor, max(1, block.attention.kv_heads // tensor)) for block in self.case.blocks]
        legal = [
            context
            for context in divisors(math.gcd(*(heads for heads, _ in pairs)), at_most=self.case.devices // tensor)
            if context == 1 or (self.length % (2 * context) == 0
            and all(groups % context == 0 or context % groups == 0 for _, groups in pairs))
        ]  # fmt: skip
        return self._degrees("context", engine, legal)

    def _shares(self, engine: str, tensor: int, context: int) -> list[bool]:
        legal = [False]
        if tensor > 1 and "sequence_parallel" in CAPABILITIES[engine].axes and self.length % (tensor * context) == 0:
            legal = [True, False]
        return [value for value in legal if self.said.sequence_parallel in (None, value)]

    def _experts(self, engine: str, tensor: int) -> list[tuple[int, int]]:
        """(expert, expert_tensor). Without experts, or an engine that shares them out, 1 and `tensor` mean the same."""
        mixtures, said = self.case.mixtures, self.said
        if not mixtures or "expert" not in CAPABILITIES[engine].axes:
            cuts = [cut for cut in (tensor, 1) if said.expert_tensor in (None, cut)][:1]
            return [(1, cut) for cut in cuts] if said.expert in (None, 1) else []
        experts = divisors(math.gcd(*(part.router.experts for part in mixtures)), at_most=self.case.per_node)
        cuts = divisors(math.gcd(*(part.expert.size for part in mixtures)), at_most=self.case.per_node)
        return [
            (expert, cut)
            for expert in experts if said.expert in (None, expert)
            for cut in cuts if said.expert_tensor in (None, cut) and expert * cut <= self.case.per_node
        ]  # fmt: skip

    def _pipelines(self, engine: str, most: int) -> list[int]:
        return self._degrees("pipeline", engine, list(range(1, min(self.layers, most) + 1)))

    def _datas(self, engine: str, most: int) -> list[int]:
        return self._degrees("data", engine, divisors(self.common, at_most=most) if most else [])

    def _degrees(self, axis: str, engine: str, legal: list[int]) -> list[int]:
        legal = legal if axis in CAPABILITIES[engine].axes else [1][: len(legal)]
        return [degree for degree in legal if getattr(self.said, axis) in (None, degree)]

    def _stays(self, group: int, world: int) -> bool:
        """`placement._stays`: whole groups inside a node, or one node for all."""
        return self.case.per_node % group == 0 or (group <= self.case.per_node and world <= self.case.per_node)

    def _deals(self, shape: Shape, data: int, world: int) -> bool:
        if not self.case.mixtures or "expert" not in CAPABILITIES[shape.engine].axes:
            return True
        return data * shape.context * shape.tensor % shape.folded == 0 and self._stays(shape.folded, world)

    def _finest_rooms(self, interleaves: bool, pipeline: int, data: int) -> dict[int, int]:
        finest: dict[int, int] = {}
        for virtual, micro_batch in self._rooms(interleaves, pipeline, data):
            finest[micro_batch] = max(virtual, finest.get(micro_batch, 0))
        return finest

    def _legal_rooms(self, interleaves: bool, pipeline: int, data: int) -> tuple[tuple[int, int], ...]:
        chunks = range(1, self.layers // pipeline + 1) if interleaves and pipeline > 2 else (1,)
        return tuple(
            (virtual, micro_batch)
            for micro_batch in self.micro_batches if self.common % (data * micro_batch) == 0
            for virtual in chunks if self.said.virtual in (None, virtual)
            if virtual == 1 or self.common % (data * micro_batch * pipeline) == 0
        )  # fmt: skip


def _values(said: Any, legal: Any) -> Any:
    return legal if said in (None, "auto") else [said]


def _trivial(engine: str) -> Layout:
    """The layout that breaks no rule but those on the engine itself."""
    return Layout(engine=engine, data=1, tensor=1, pipeline=1, micro_batch=1, zero=0, offload="none", recompute="none")
