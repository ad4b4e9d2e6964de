"""What is done to each block, and where all have to wait for one another.

Most steps look at one document. A `Wide` step must have seen all documents of a source, or of all sources, before it
decides: a barrier. A source's own barriers come first, then those of the page, which all sources share. Between two
barriers each block goes its way alone.

Blocks are numbered 0 of every source, then 1 of every source, and so on, so that "the first of several copies" means the
same however many blocks are worked on at once, and the first blocks of all sources can be written, and trained on, first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from data_pipeline.mixture import Mixture
from data_pipeline.sources import SOURCES, Block, Source
from data_pipeline.steps import Step, Wide

Barrier = tuple[str, int]
"""("source", k): the k-th wide step of a source's own list; ("page", k): of the page's."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Steps that are applied to each document alone, and the wide step that follows them, if one does."""

    steps: tuple[Step, ...]
    wide: Wide | None

    @cached_property
    def signature(self) -> dict[str, Any]:
        return {"steps": [step.signature() for step in self.steps], "wide": self.wide.signature() if self.wide else None}


@dataclass(frozen=True, kw_only=True)
class SourcePlan:
    """A source, its blocks, and its way: a stretch up to each of its barriers, then the last one."""

    source: Source
    blocks: tuple[Block, ...]
    stretches: dict[Barrier, Stretch]
    last: Stretch

    @property
    def steps(self) -> list[Step]:
        """All of its steps in their order."""
        ways = [*self.stretches.values(), self.last]
        return [step for way in ways for step in (*way.steps, *((way.wide,) if way.wide else ()))]

    @cached_property
    def plain(self) -> Source:
        """The source without its steps, as its kind says it; this one can be pickled."""
        return SOURCES.get(self.source.kind)(**self.source.model_dump(exclude={"steps"}))


@dataclass(frozen=True, kw_only=True)
class BlockPlan:
    """One block: its number among all, and among those of its source."""

    number: int
    index: int
    of: SourcePlan
    block: Block

    @property
    def title(self) -> str:
        name = self.of.source.name
        return name if len(self.of.blocks) == 1 else f"{name} {self.index + 1}/{len(self.of.blocks)}"


def plan_blocks(mixture: Mixture) -> list[BlockPlan]:
    """All blocks in their order. Reads no text."""
    sources = [_plan(mixture, source) for source in mixture.sources]
    places = sorted((index, place) for place, source in enumerate(sources) for index in range(len(source.blocks)))
    return [
        BlockPlan(number=number, index=index, of=sources[place], block=sources[place].blocks[index])
        for number, (index, place) in enumerate(places)
    ]


def barriers(blocks: Iterable[BlockPlan]) -> list[Barrier]:
    """Every barrier that some source has: the sources' own, then the page's."""
    found = {barrier for each in blocks for barrier in each.of.stretches}
    return sorted(found, key=lambda barrier: (barrier[0] != "source", barrier[1]))


def waves(blocks: list[BlockPlan]) -> Iterator[list[BlockPlan]]:
    """Blocks of index 0, 1, 2 and 3, 4 to 7, ...: the first shards come early, and there are few waves."""
    last = max((each.index for each in blocks), default=-1)
    start, end = 0, 1
    while start <= last:
        yield [each for each in blocks if start <= each.index < end]
        start, end = end, 2 * end


def _plan(mixture: Mixture, source: Source) -> SourcePlan:
    stretches: dict[Barrier, Stretch] = {}
    waiting: list[Step] = []
    numbers = {id(step): number for number, step in enumerate(each for each in mixture.steps if isinstance(each, Wide))}
    own = 0
    for step in mixture.steps_of(source):
        if not isinstance(step, Wide):
            waiting.append(step)
            continue
        barrier = ("page", numbers[id(step)]) if id(step) in numbers else ("source", own)
        own += barrier[0] == "source"
        stretches[barrier] = Stretch(steps=tuple(waiting), wide=step)
        waiting = []
    return SourcePlan(
        source=source, blocks=tuple(source.blocks(mixture.block)), stretches=stretches,
        last=Stretch(steps=tuple(waiting), wide=mixture.copies),
    )  # fmt: skip


def digest_of(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
