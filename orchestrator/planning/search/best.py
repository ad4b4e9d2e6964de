"""The fastest layouts that fit, found without estimating the rest: best first, by a bound on what each can reach.

        kind      shape, micro-batch, recomputation    bound: all devices computing, nothing else
          place   + pipeline and data degree           bound: + the fullest stage, and the bubble of the finest interleaving
            room  + virtual chunks                     bound: + its own bubble; then time is estimated, then memory

One heap holds all three. What is taken from it has the lowest bound of all that is left, so once that bound is beyond the
fifth best time found, nothing left can be among the best five.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field

from orchestrator.planning.layout import Layout
from orchestrator.planning.memory import Memory
from orchestrator.planning.rules import breaks_no_rule
from orchestrator.planning.search.judge import Judge
from orchestrator.planning.search.space import Modes, Shape, Space
from orchestrator.planning.timing import StepTime

MOST_ESTIMATED = 3_000
"""Layouts whose time is estimated: a search answers in seconds, and says so where it could not rule out the rest."""
_SLACK = 1.15
"""A place is given up without looking at all of its layouts when its leanest needs so much more than there is."""
_ENGINES = ("deepspeed", "megatron", "reference")
_RECOMPUTE = ("none", "selective", "full")

Place = tuple[int, int]
Room = tuple[int, int]
Rank = tuple[float, tuple[object, ...]]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Layouts whose layers take the same time."""

    shape: Shape
    micro_batch: int
    recompute: str


@dataclass(kw_only=True)
class Found:
    """What a search has found so far, the best first. `least`: the layout that needs least memory of those looked at.

    bound: seconds that nothing of what was left out goes below.
    """

    best: list[tuple[Rank, Layout, StepTime, Memory]] = field(default_factory=list)
    estimated: int = 0
    fitted: int = 0
    bound: float = float("inf")
    least: tuple[int, Layout, Memory] | None = None


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
        self._heap: list[tuple[float, int, Kind, Place | None, Room | None]] = []
        self._hopeless: dict[tuple[Shape, Place], bool | None] = {}
        self._modes: dict[tuple[str, str], tuple[Modes, ...]] = {}

    @property
    def limit(self) -> float:
        """Seconds beyond which nothing is among the best."""
        return self.found.best[-1][0][0] if len(self.found.best) == self.most else float("inf")

    def run(self) -> Found:
        for shape in self.space.shapes():
            self._push_kinds(shape)
        while self._heap:
            bound, _, kind, place, room = heapq.heappop(self._heap)
            if bound > self.limit or (self.found.best and self.found.estimated >= MOST_ESTIMATED):
                self.found.bound = bound
                break
            if place is None:
                self._push_places(kind)
            elif room is None:
                self._push_rooms(kind, place)
            else:
                self._estimate(kind, place, room)
        return self.found

    def _push_kinds(self, shape: Shape) -> None:
        widest = max((pipeline * data for pipeline, data in self.space.places(shape)), default=0)
        if not widest:
            return
        for recompute in self._recomputes(shape.engine):
            for micro_batch in self.space.micro_batches:
                computing = self.judge.computing(shape, micro_batch, recompute)
                bound = computing.whole * self.judge.sequences / micro_batch / widest + computing.fixed
                self._push(bound, Kind(shape=shape, micro_batch=micro_batch, recompute=recompute))

    def _push_places(self, kind: Kind) -> None:
        computing, sequences = self.judge.computing(kind.shape, kind.micro_batch, kind.recompute), self.judge.sequences
        for place in self.space.places(kind.shape):
            finest = self.space.finest(kind.shape, *place, kind.micro_batch)
            if finest:
                rounds = sequences // (place[1] * kind.micro_batch)
                self._push(computing.at_best(place[0], finest, rounds), kind, place)

    def _push_rooms(self, kind: Kind, place: Place) -> None:
        for room in self.space.rooms(kind.shape, *place):
            if room[1] == kind.micro_batch:
                self._push(self.judge.bound(kind.shape, place, room, kind.recompute), kind, place, room)

    def _push(self, bound: float, kind: Kind, place: Place | None = None, room: Room | None = None) -> None:
        if bound <= self.limit:
            heapq.heappush(self._heap, (bound, next(self._order), kind, place, room))

    def _estimate(self, kind: Kind, place: Place, room: Room) -> None:
        if self._is_hopeless(kind.shape, place):
            return
        for modes in self._modes[kind.shape.engine, kind.recompute]:
            layout = self.space.layout(kind.shape, *place, *room, modes)
            self.found.estimated += 1
            # Whichever is likelier to end it comes first: memory while little has been found that fits, then time.
            full = len(self.found.best) == self.most
            if not full and not self._fits(kind.shape, place, layout):
                continue
            total, step = self.judge.time(layout)
            rank = (float(f"{total:.9e}"), preference(layout))
            if full and (rank > self.found.best[-1][0] or not self._fits(kind.shape, place, layout)):
                continue
            if breaks_no_rule(self.space.case_of(layout)):
                self.found.fitted += 1
                found = [*self.found.best, (rank, layout, step, self.judge.memory(layout)[1])]
                self.found.best = sorted(found, key=lambda known: known[0])[: self.most]

    def _fits(self, shape: Shape, place: Place, layout: Layout) -> bool:
        self._note(layout)
        fits = self.judge.fits(layout, self.share)
        if not fits:
            self._hopeless.setdefault((shape, place), None)
        return fits

    def _note(self, layout: Layout) -> None:
        """Keeps the leanest layout of those whose memory was estimated."""
        total, memory = self.judge.memory(layout)
        if self.found.least is None or total < self.found.least[0]:
            self.found.least = (total, layout, memory)

    def _is_hopeless(self, shape: Shape, place: Place) -> bool:
        """Whether not even the leanest of a place is near to fitting; asked once one of its layouts did not fit."""
        key = (shape, place)
        if key in self._hopeless and self._hopeless[key] is None:
            modes = max(self.space.modes(shape.engine), key=_leanness)
            virtual, micro_batch = min(self.space.rooms(shape, *place), key=lambda room: (room[1], room[0]))
            layout = self.space.layout(shape, *place, virtual, micro_batch, modes)
            self._note(layout)
            self._hopeless[key] = not self.judge.fits(layout, _SLACK * self.share)
        return bool(self._hopeless.get(key))

    def _recomputes(self, engine: str) -> list[str]:
        """Ways to recompute that differ from a plainer one: fused attention keeps no scores that `selective` could drop."""
        for modes in self.space.modes(engine):
            known = self._modes.setdefault((engine, modes.recompute), ())
            if modes not in known:
                self._modes[engine, modes.recompute] = (*known, modes)
        legal = [recompute for name, recompute in self._modes if name == engine]
        return [recompute for recompute in legal if not (recompute == "selective" and "none" in legal and self._alike(engine))]

    def _alike(self, engine: str) -> bool:
        """Whether `selective` is `none` by another name on this engine, in time and in memory."""
        shape = next(shape for shape in self.space.shapes() if shape.engine == engine)
        layouts = [
            self.space.layout(shape, 1, 1, 1, self.space.micro_batches[0], Modes(zero=0, offload="none", recompute=recompute))
            for recompute in ("none", "selective")
        ]
        (time, _), (other_time, _) = (self.judge.time(layout) for layout in layouts)
        (memory, _), (other_memory, _) = (self.judge.memory(layout) for layout in layouts)
        return time == other_time and memory == other_memory


def _leanness(modes: Modes) -> tuple[int, int, int]:
    """More saves more memory."""
    return modes.zero, ("none", "optimizer", "parameters").index(modes.offload), _RECOMPUTE.index(modes.recompute)
