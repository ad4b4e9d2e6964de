"""The fastest layouts that fit, found without estimating the rest: best first, by a bound on what each can reach.

        kind      shape, micro-batch, recomputation    bound: all devices computing, nothing else
          place   + pipeline and data degree           bound: + the bubble of the finest interleaving
            room  + virtual chunks                     bound: + its own bubble; then memory and time are estimated

One heap holds all three. What is taken from it has the lowest bound of all that is left, so once that bound is beyond the
fifth best time found, nothing left can be among the best five.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from orchestrator.planning.layout import Layout
from orchestrator.planning.memory import Memory
from orchestrator.planning.rules import breaks_no_rule
from orchestrator.planning.search.judge import Judge
from orchestrator.planning.search.space import Modes, Shape, Space
from orchestrator.planning.timing import StepTime

_SLACK = 1.15
"""A place is given up without looking at all of its layouts when its leanest needs so much more than there is."""
_ENGINES = ("deepspeed", "megatron", "reference")
_RECOMPUTE = ("none", "selective", "full")

Place = tuple[int, int]
Room = tuple[int, int]


@dataclass(kw_only=True)
class Found:
    """What a search has found so far. `least`: the layout that needs least memory of those looked at."""

    best: list[tuple[float, tuple[object, ...], Layout, StepTime, Memory]] = field(default_factory=list)
    estimated: int = 0
    fitted: int = 0
    least: tuple[Layout, Memory] | None = None

    def note(self, layout: Layout, memory: Memory) -> None:
        if self.least is None or memory.total < self.least[1].total:
            self.least = (layout, memory)


def preference(layout: Layout) -> tuple[object, ...]:
    """Of layouts that take as long: the plainer one. A total order, so that a choice never depends on chance."""
    return (
        layout.tensor * layout.pipeline * layout.context, layout.expert * layout.expert_tensor, layout.virtual,
        _ENGINES.index(layout.engine), layout.zero, _RECOMPUTE.index(layout.recompute), layout.offload, -layout.micro_batch,
        layout.tensor, layout.pipeline, layout.expert, -layout.data, not layout.sequence_parallel,
    )  # fmt: skip


def search(space: Space, judge: Judge, *, share: float, most: int = 5) -> Found:
    """The `most` fastest layouts of a space that take at most a share of a device's memory, best first."""
    return _Search(space, judge, share, most).run()


class _Search:
    """One run of the heap."""

    def __init__(self, space: Space, judge: Judge, share: float, most: int) -> None:
        self.space, self.judge, self.share, self.most = space, judge, share, most
        self.found = Found()
        self._order = itertools.count()
        self._heap: list[tuple[float, int, Shape, str, int, Place | None, Room | None]] = []
        self._hopeless: dict[tuple[Shape, Place], bool] = {}

    @property
    def limit(self) -> float:
        """Seconds beyond which nothing is among the best."""
        return self.found.best[-1][0] if len(self.found.best) == self.most else float("inf")

    def run(self) -> Found:
        for shape in self.space.shapes():
            self._push_kinds(shape)
        while self._heap:
            bound, _, shape, recompute, micro_batch, place, room = heapq.heappop(self._heap)
            if bound > self.limit:
                break
            if place is None:
                self._push_places(shape, recompute, micro_batch)
            elif room is None:
                self._push_rooms(shape, recompute, micro_batch, place)
            else:
                self._estimate(shape, recompute, place, room)
        return self.found

    def _push(self, bound: float, shape: Shape, recompute: str, micro_batch: int, place: Place | None, room: Room | None) -> None:
        if bound <= self.limit:
            heapq.heappush(self._heap, (bound, next(self._order), shape, recompute, micro_batch, place, room))

    def _push_kinds(self, shape: Shape) -> None:
        places = list(self.space.places(shape))
        if not places:
            return
        widest = max(pipeline * data for pipeline, data in places)
        for recompute in dict.fromkeys(modes.recompute for modes in self.space.modes(shape.engine)):
            for micro_batch in self.space.micro_batches:
                each, fixed = self.judge.computing(shape, micro_batch, recompute)
                self._push(each * self.judge.sequences / micro_batch / widest + fixed, shape, recompute, micro_batch, None, None)

    def _push_places(self, shape: Shape, recompute: str, micro_batch: int) -> None:
        for place in self.space.places(shape):
            chunks = [virtual for virtual, size in self.space.rooms(shape, *place) if size == micro_batch]
            if chunks:
                finest = (max(chunks), micro_batch)
                self._push(self.judge.bound(shape, place, finest, recompute), shape, recompute, micro_batch, place, None)

    def _push_rooms(self, shape: Shape, recompute: str, micro_batch: int, place: Place) -> None:
        if self._is_hopeless(shape, place):
            return
        for room in self.space.rooms(shape, *place):
            if room[1] == micro_batch:
                self._push(self.judge.bound(shape, place, room, recompute), shape, recompute, micro_batch, place, room)

    def _is_hopeless(self, shape: Shape, place: Place) -> bool:
        """Whether not even the leanest of a place is near to fitting."""
        key = (shape, place)
        if key not in self._hopeless:
            modes = max(self.space.modes(shape.engine), key=_leanness)
            virtual, micro_batch = min(self.space.rooms(shape, *place), key=lambda room: (room[1], room[0]))
            layout = self.space.layout(shape, *place, virtual, micro_batch, modes)
            memory = self.judge.memory(layout)
            self.found.note(layout, memory)
            self._hopeless[key] = not self.judge.fits(memory, layout, _SLACK * self.share)
        return self._hopeless[key]

    def _estimate(self, shape: Shape, recompute: str, place: Place, room: Room) -> None:
        for modes in self._modes(shape.engine, recompute):
            layout = self.space.layout(shape, *place, *room, modes)
            memory = self.judge.memory(layout)
            self.found.estimated += 1
            self.found.note(layout, memory)
            if not self.judge.fits(memory, layout, self.share) or not breaks_no_rule(self.space.case_of(layout)):
                continue
            self.found.fitted += 1
            step = self.judge.time(layout)
            entry = (float(f"{step.total:.9e}"), preference(layout), layout, step, memory)
            if len(self.found.best) < self.most or entry[:2] < self.found.best[-1][:2]:
                self.found.best = sorted([*self.found.best, entry], key=lambda known: known[:2])[: self.most]

    def _modes(self, engine: str, recompute: str) -> Iterator[Modes]:
        return (modes for modes in self.space.modes(engine) if modes.recompute == recompute)


def _leanness(modes: Modes) -> tuple[int, int, int]:
    """More saves more memory."""
    return modes.zero, ("none", "optimizer", "parameters").index(modes.offload), _RECOMPUTE.index(modes.recompute)
