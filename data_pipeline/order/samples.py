"""Which tokens training sample number i holds, worked out from i alone.

Trainers usually shuffle by building an index, or keep a buffer and a generator; then the order depends
on how many samples were asked for, on the number of workers, or on state that a restart loses
(Megatron-LM reshuffles from sample 0 when a run is extended; a shuffle buffer repeats and drops rows on
resume). Here the order is a closed formula of (data fingerprint, seed, i): nothing to build, nothing
to save but one integer, the same for any number of ranks and workers, and O(1) at i = 10**12.

    i ── segment     what is in force: weights, sequence length, how far each source has got   (schedule.py)
      ── block       source, rank of a chunk among those of the source, part of the chunk      (segments.py)
      ── extent      epoch, chunk                                                              (extents.py)

A chunk is as long as the longest sequences of the run; a stage of shorter ones cuts each chunk into equal parts, so no
change of length repeats or skips a token. A sample is `sequence_length + 1` tokens at a stride of
`sequence_length`: every token but the first of a source is predicted exactly once per epoch, save those after
the last whole chunk. Within a stage all samples have equally many tokens, so weights count tokens as well as samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data_pipeline.order.extents import Extents
from data_pipeline.order.schedule import Admission, Schedule, Stage, check_stages, compile_schedule
from data_pipeline.order.segments import Segment
from data_pipeline.order.shuffle import key_of
from orchestrator.errors import DataError

_AT_ONCE = 2**13


@dataclass(frozen=True, kw_only=True)
class SampleOrder:
    """The order of one run. All tuples of sources are in the order of the mixture.

    `admissions`: the one of a whole mixture, or those of a running preparation so far; an order of more admissions begins
    with the samples of one of fewer. `caps`: epochs of each source after which it is left out, None for any number.
    `chunk`: tokens of a chunk, if a stage that is added later shall be longer than those of now.
    Raises DataError where stages, sources and chunks do not fit.
    """

    admissions: tuple[Admission, ...]
    stages: tuple[Stage, ...]
    seed: int
    fingerprint: str
    names: tuple[str, ...]
    caps: tuple[float | None, ...] = ()
    chunk: int | None = None

    @classmethod
    def plain(
        cls,
        *,
        tokens_per_source: Sequence[int],
        weights: Sequence[float],
        sequence_length: int,
        seed: int,
        fingerprint: str,
        names: Sequence[str] = (),
        caps: Sequence[float | None] = (),
    ) -> SampleOrder:
        """One stage without end over a whole mixture."""
        return cls(
            admissions=(Admission(tokens=tuple(tokens_per_source), complete=(True,) * len(tokens_per_source)),),
            stages=(Stage(weights=tuple(weights), sequence_length=sequence_length),),
            seed=seed,
            fingerprint=fingerprint,
            names=tuple(names) or tuple(str(source) for source in range(len(tokens_per_source))),
            caps=tuple(caps),
        )

    def __post_init__(self) -> None:
        check_stages(self.stages, self.chunk_tokens)
        _check_sources(self)

    @property
    def samples(self) -> int | None:
        """How many samples there are; None without end. `why_it_ends` says what ends them."""
        return self._schedule.samples

    @property
    def why_it_ends(self) -> str:
        return self._schedule.why

    @property
    def tokens_per_source(self) -> tuple[int, ...]:
        return self.admissions[-1].tokens

    @cached_property
    def chunk_tokens(self) -> int:
        """Tokens of a chunk: the longest sequences of any stage."""
        return self.chunk or max(stage.sequence_length for stage in self.stages)

    @property
    def chunks(self) -> np.ndarray:
        """int64[sources]: chunks in one epoch of each source."""
        return self._extents.chunks

    @property
    def segments(self) -> tuple[Segment, ...]:
        return self._schedule.segments

    @property
    def dropped(self) -> dict[int, int]:
        """Source -> first sample after it reached its cap, for those that do."""
        return self._schedule.dropped

    def locate(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Global sample indices int64[n] -> (source, epoch, first token in the source), int64[n] each.

        A sample has `lengths(indices) + 1` tokens. Raises ValueError for a negative index, DataError for one past the end.
        """
        indices = np.asarray(indices, dtype=np.int64)
        if len(self.segments) == 1 and 0 < indices.size <= _AT_ONCE:
            self._check(indices)
            return self._located(0, indices)
        number = self._segment_of(indices)
        if 0 < indices.size <= _AT_ONCE and (number == number[0]).all():
            return self._located(int(number[0]), indices)
        found = np.empty((3, len(indices)), dtype=np.int64)
        for begin in range(0, len(indices), _AT_ONCE):
            piece = slice(begin, begin + _AT_ONCE)
            for each in np.unique(number[piece]).tolist():
                chosen = np.flatnonzero(number[piece] == each) + begin
                found[:, chosen] = self._located(each, indices[chosen])
        return found[0], found[1], found[2]

    def _located(self, number: int, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        segment = self.segments[number]
        source, rank, part = segment.locate(indices, self._key)
        epoch, chunk = self._extents.chunk(source, rank)
        return source, epoch, chunk * self.chunk_tokens + part * segment.sequence_length

    def lengths(self, indices: np.ndarray) -> np.ndarray:
        """int64[n]: the sequence length of each of these samples; a sample has one token more. Batches that end where stages end never
        mix lengths."""
        return self._sequence_lengths[self._segment_of(np.asarray(indices, dtype=np.int64))]

    def find(self, source: int, start: int, end: int, *, epochs: Iterable[int]) -> np.ndarray:
        """The samples that hold any of tokens `start` to `end` (exclusive) of a source, sorted; int64[n].

        This is `locate` backwards, also O(1) a sample. A token on the border of two samples is in both. Epochs that
        the run does not reach, and tokens after the last whole chunk, give none.
        """
        length = self.chunk_tokens
        last = min((end - 1) // length, int(self.chunks[source]) - 1)
        chunks = np.arange(max(start - 1, 0) // length, last + 1, dtype=np.int64)
        found = [np.empty(0, dtype=np.int64)]
        for epoch in epochs if self.segments else ():
            ranks = self._extents.rank(source, epoch, chunks)
            number = np.searchsorted(self._cursors[:, source], ranks, side="right") - 1
            for each in np.unique(number).tolist():
                segment = self.segments[each]
                chosen = np.flatnonzero((number == each) & (ranks < self._reach(each, source)))
                if not chosen.size:
                    continue
                parts = np.tile(np.arange(segment.parts), chosen.size)
                chosen = np.repeat(chosen, segment.parts)
                first = chunks[chosen] * length + parts * segment.sequence_length
                holds = (first < end) & (first + segment.sequence_length >= start)
                found.append(segment.find(source, ranks[chosen[holds]], parts[holds], self._key))
        return np.sort(np.concatenate(found))

    def _segment_of(self, indices: np.ndarray) -> np.ndarray:
        self._check(indices)
        return np.searchsorted(self._firsts, indices, side="right") - 1

    def _check(self, indices: np.ndarray) -> None:
        if not indices.size:
            return
        if indices.min() < 0:
            raise ValueError(f"sample indices count from 0, found {indices.min()}")
        if self.samples is not None and indices.max() >= self.samples:
            raise DataError(f"there is no sample {indices.max():,}: {self.why_it_ends}")

    def _reach(self, number: int, source: int) -> float:
        """The first rank of a source that segment `number` no longer gives."""
        segment = self.segments[number]
        if not segment.whole[source] and not segment.fraction[source]:
            return 0
        if segment.samples is None:
            return float("inf")
        blocks = segment.blocks_within(segment.samples // segment.parts)
        return int(segment.cursor[source] + segment.given(np.array([blocks]))[0, source])

    @cached_property
    def _schedule(self) -> Schedule:
        return compile_schedule(
            stages=self.stages,
            chunk=self.chunk_tokens,
            admitted=self._admitted,
            complete=[each.complete for each in self.admissions],
            caps=self.caps or (None,) * len(self.names),
            names=self.names,
        )

    @cached_property
    def _extents(self) -> Extents:
        return Extents(self._admitted, self._key)

    @cached_property
    def _admitted(self) -> list[list[int]]:
        """[admission][source]: chunks known by then."""
        length = self.chunk_tokens
        return [[max(tokens - 1, 0) // length for tokens in each.tokens] for each in self.admissions]

    @cached_property
    def _firsts(self) -> np.ndarray:
        return np.array([segment.first for segment in self.segments], dtype=np.int64)

    @cached_property
    def _sequence_lengths(self) -> np.ndarray:
        return np.array([segment.sequence_length for segment in self.segments], dtype=np.int64)

    @cached_property
    def _cursors(self) -> np.ndarray:
        return np.stack([segment.cursor for segment in self.segments])

    @cached_property
    def _key(self) -> int:
        return key_of(f"sample order 1\n{self.fingerprint}\n{self.seed}")


def _check_sources(order: SampleOrder) -> None:
    sources = len(order.names)
    for what, given in (("caps", order.caps or order.names), *((("weights", stage.weights)) for stage in order.stages)):
        if len(given) != sources:
            raise DataError(f"{len(given)} {what} for {sources} sources; give one for each")
    for source, cap in enumerate(order.caps):
        if cap is not None and cap < 1 and not order.admissions[0].complete[source]:
            raise DataError(
                f"the cap of source {order.names[source]!r} is {cap:g} epochs, but it is still being prepared when the run begins, and "
                "how many tokens that is cannot be known; say at least 1, or begin when it is complete"
            )
    for source, (tokens, complete) in enumerate(zip(order.tokens_per_source, order.admissions[-1].complete, strict=True)):
        if complete and tokens <= order.chunk_tokens and any(stage.weights[source] for stage in order.stages):
            raise DataError(
                f"source {order.names[source]!r} has {tokens:,} training tokens, but one sample takes "
                f"{order.chunk_tokens + 1:,}; add text to it, or lower sequence_length to {max(tokens - 1, 1)}"
            )
