"""Stages, caps and admissions -> segments: who gives how many chunks, from where on.

A trainer that builds its order for one set of weights has to begin anew when they change, and then repeats
what was seen and skips what was not. Here every source has a cursor, and a change of weights or of sequence
length, a source that has reached its cap, or new data begins a segment at the cursors of the one before.

What a segment's whole blocks leave over is one smaller block, its chunks apportioned by largest remainder
against what every source is owed so far, so the weights are met to a chunk at every change.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from data_pipeline.order.segments import Segment
from data_pipeline.order.shares import OWED, apportion, block_of, whole_numbers
from orchestrator.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of the run: `samples` of them, or all that follow, with these weights, of this many tokens.

    `weights` are in the order of the mixture's sources; 0 leaves a source out.
    """

    samples: int | None = None
    weights: tuple[float, ...]
    sequence_length: int


@dataclass(frozen=True, kw_only=True)
class Admission:
    """What exists of every source after one admission: tokens so far, and whether there will be no more.

    A run that is fed by a preparation still going on may use the chunks of its admissions, no others; the list of
    them decides its order, not the moment at which they came.
    """

    tokens: tuple[int, ...]
    complete: tuple[bool, ...]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The segments of a run. `dropped[s]`: the first sample after source s reached its cap, if it does.

    `samples`: how many there are, None without end. `why`: what ends them, ready to print.
    """

    segments: tuple[Segment, ...]
    dropped: dict[int, int]
    samples: int | None
    why: str = ""


@dataclass
class _State:
    """Where a schedule stands while it is compiled."""

    cursor: list[int]
    owed: list[int]
    sample: int = 0
    block: int = 0
    segments: list[Segment] = field(default_factory=list)
    dropped: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Limits:
    """Chunks that may be given of each source in all (None: any number), and which of them are caps."""

    chunks: tuple[int | None, ...]
    is_cap: tuple[bool, ...]


def compile_schedule(
    *,
    stages: Sequence[Stage],
    chunk: int,
    admitted: Sequence[Sequence[int]],
    complete: Sequence[Sequence[bool]],
    caps: Sequence[float | None],
    names: Sequence[str],
) -> Schedule:
    """`admitted[k][s]` and `complete[k][s]`: chunks of `chunk` tokens after admission k. Costs O(sources x segments)."""
    sources = len(names)
    state = _State([0] * sources, [0] * sources)
    ahead = iter(_limits(counts, done, caps) for counts, done in zip(admitted, complete, strict=True))
    limits = next(ahead)
    for number, stage in enumerate(stages):
        parts = chunk // stage.sequence_length
        shares = whole_numbers(stage.weights)
        left = None if stage.samples is None else stage.samples // parts
        while left is None or left > 0:
            rooms = _rooms(limits, state)
            active = [s for s in range(sources) if shares[s] and rooms[s] != 0]
            held = [s for s in range(sources) if rooms[s] == 0 and shares[s] and not limits.is_cap[s]]
            if not active and not held:
                return _ended(state, names, number, limits)
            taken = 0 if held else _extend(state, stage, parts, shares, active, limits, [rooms[s] for s in active], left)
            if taken is None:
                return Schedule(segments=tuple(state.segments), dropped=state.dropped, samples=None)
            left = left if left is None else left - taken
            if taken == 0:
                following = next(ahead, None)
                if following is None:
                    return _waiting(state, names, limits)
                limits = following
    return _over(state)


def _limits(counts: Sequence[int], done: Sequence[bool], caps: Sequence[float | None]) -> _Limits:
    """A complete source may be given as often as its cap allows, another once, as far as it is there."""
    chunks = [
        count if not whole else None if cap is None else math.floor(Fraction(repr(float(cap))) * count)
        for count, whole, cap in zip(counts, done, caps, strict=True)
    ]
    return _Limits(chunks=tuple(chunks), is_cap=tuple(done))


def _rooms(limits: _Limits, state: _State) -> list[int | None]:
    """Chunks that each source may still give (None: any number)."""
    return [None if limit is None else limit - gone for limit, gone in zip(limits.chunks, state.cursor, strict=True)]


def _extend(
    state: _State, stage: Stage, parts: int, shares: list[int], active: list[int], limits: _Limits, rooms: list[int | None],
    left: int | None,
) -> int | None:  # fmt: skip
    """Appends what follows until something changes; returns its chunks, None if nothing ever does. `rooms`: of the active."""
    weights = [shares[s] for s in active]
    if left is None and rooms.count(None) == len(rooms):
        state.segments.append(_body(state, stage, parts, active, weights))
        return None
    total = sum(weights)
    lasting = [None if room is None else room * total // weight for room, weight in zip(rooms, weights, strict=True)]
    chunks = min(last for last in (*lasting, left) if last is not None)
    if chunks == 0:
        return 0
    body = _body(state, stage, parts, active, weights)
    ended = [n for n, s in enumerate(active) if limits.is_cap[s] and lasting[n] == chunks]
    ideal = [(chunks * weight << OWED) // total + state.owed[s] for s, weight in zip(active, weights, strict=True)]
    upper = [chunks if room is None or room > chunks else room for room in rooms]
    blocks = body.blocks_within(chunks)
    while True:
        lower = body.given(np.array([blocks]))[0, active].tolist()
        for n in ended:
            lower[n] = upper[n]
        if sum(lower) <= chunks and all(map(operator.le, lower, upper)):
            break
        blocks -= 1
    counts = apportion(chunks, ideal, lower, upper)
    given = np.zeros(len(shares), dtype=np.int64)
    given[active] = counts
    _append(state, body, blocks, given)
    for s, want, count in zip(active, ideal, counts, strict=True):
        state.owed[s] = want - (count << OWED)
    for n in ended:
        state.owed[active[n]] = 0
        state.dropped[active[n]] = state.sample
    return chunks


def _body(state: _State, stage: Stage, parts: int, active: list[int], weights: list[int]) -> Segment:
    """A segment without end of these weights, at the cursors."""
    size, shares, fractions = block_of(weights, parts, sources=len(state.cursor))
    whole, fraction = [0] * len(state.cursor), [0] * len(state.cursor)
    for s, share, part in zip(active, shares, fractions, strict=True):
        whole[s], fraction[s] = share, part
    by_source = np.array([whole, fraction, state.cursor], dtype=np.int64)
    return Segment(
        first=state.sample, samples=None, sequence_length=stage.sequence_length, parts=parts, block=state.block,
        size=size, whole=by_source[0], fraction=by_source[1], cursor=by_source[2],
    )  # fmt: skip


def _append(state: _State, body: Segment, blocks: int, given: np.ndarray) -> None:
    """The first `blocks` blocks of `body`, then one block of the rest of `given`."""
    in_blocks = body.given(np.array([blocks]))[0]
    rest = given - in_blocks
    if blocks:
        state.segments.append(replace(body, samples=int(in_blocks.sum()) * body.parts))
    if rest.any():
        state.segments.append(
            replace(
                body, first=body.first + int(in_blocks.sum()) * body.parts, samples=int(rest.sum()) * body.parts,
                block=body.block + blocks, size=int(rest.sum()), whole=rest, fraction=np.zeros_like(rest),
                cursor=body.cursor + in_blocks,
            )
        )  # fmt: skip
    state.sample += int(given.sum()) * body.parts
    state.block += blocks + bool(rest.any())
    state.cursor = (body.cursor + given).tolist()


def _ended(state: _State, names: Sequence[str], stage: int, limits: _Limits) -> Schedule:
    given = ", ".join(f"{names[s]} {state.cursor[s]:,}" for s in sorted(state.dropped, key=lambda s: -state.cursor[s])[:5])
    why = (
        f"every source of stage {stage + 1} has reached its cap after {state.sample:,} samples (chunks given: {given}); "
        "raise max_epochs, add text, or train for fewer samples"
    )
    return Schedule(segments=tuple(state.segments), dropped=state.dropped, samples=state.sample, why=why)


def _waiting(state: _State, names: Sequence[str], limits: _Limits) -> Schedule:
    short = [s for s in range(len(names)) if not limits.is_cap[s]]
    least = min(short, key=lambda s: (limits.chunks[s] or 0) - state.cursor[s])
    why = (
        f"what is admitted so far gives {state.sample:,} samples at these weights; source {names[least]!r} has given "
        f"{state.cursor[least]:,} of its {limits.chunks[least]:,} chunks; wait for the next admission"
    )
    return Schedule(segments=tuple(state.segments), dropped=state.dropped, samples=state.sample, why=why)


def _over(state: _State) -> Schedule:
    why = f"the stages end after {state.sample:,} samples; leave `samples` of the last one out to go on"
    return Schedule(segments=tuple(state.segments), dropped=state.dropped, samples=state.sample, why=why)


def check_stages(stages: Sequence[Stage], chunk: int) -> None:
    """Raises DataError for a stage whose lengths or samples do not fit whole chunks, with the nearest legal numbers."""
    for number, stage in enumerate(stages, start=1):
        for source, weight in enumerate(stage.weights, start=1):
            if not 0 <= weight < math.inf:
                raise DataError(f"stage {number} gives source {source} the weight {weight}; say a number of at least 0")
        if not any(stage.weights):
            raise DataError(f"stage {number} gives weight to no source; give one a weight above 0")
        if chunk % stage.sequence_length:
            raise DataError(
                f"stage {number}: sequence_length {stage.sequence_length:,} does not divide {chunk:,}, the longest of the run; "
                f"use {_divisor_near(chunk, stage.sequence_length):,}"
            )
        if stage.samples is None:
            if number < len(stages):
                raise DataError(f"stage {number} has no end, but {len(stages) - number} follow; say its samples")
            continue
        parts = chunk // stage.sequence_length
        if stage.samples % parts or stage.samples <= 0:
            below = stage.samples // parts * parts
            legal = f"{below:,} or {below + parts:,}" if below else f"{parts:,}"
            raise DataError(
                f"stage {number} has {stage.samples:,} samples of {stage.sequence_length:,} tokens; {parts} of them make a chunk of "
                f"{chunk:,}, and chunks stay whole; use {legal} samples"
            )


def _divisor_near(number: int, wanted: int) -> int:
    divisors = {d for i in range(1, math.isqrt(number) + 1) if number % i == 0 for d in (i, number // i)}
    return min(divisors, key=lambda d: (abs(d - wanted), d))
