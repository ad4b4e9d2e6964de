"""Random runs for the property tests: sources, admissions, stages, caps, in small numbers."""

from __future__ import annotations

from hypothesis import strategies as some

from data_pipeline.order import Admission, SampleOrder, Stage

CHUNK = 16
FAR = 1500
"""Samples looked at of an order without end."""


@some.composite
def runs(draw: some.DrawFn, *, admissions: int = 3, stages: int = 4) -> SampleOrder:
    """An order of up to 5 sources; weights of 0, equal, odd and rare; lengths of 4, 8 and 16 tokens; caps of whole and half epochs."""
    sources = draw(some.integers(1, 5))
    sizes = [draw(some.integers(CHUNK + 1, 40 * CHUNK)) for _ in range(sources)]
    admitted: list[Admission] = []
    tokens, complete = [0] * sources, [False] * sources
    for turn in reversed(range(draw(some.integers(1, admissions)))):
        for source in range(sources):
            if not complete[source]:
                complete[source] = turn == 0 or draw(some.booleans())
                tokens[source] = sizes[source] if complete[source] else draw(some.integers(tokens[source], sizes[source]))
        admitted.append(Admission(tokens=tuple(tokens), complete=tuple(complete)))
    weight = some.sampled_from([0, 1, 2, 3, 0.25, 0.123456789, 1e-5])
    planned = []
    for _ in range(draw(some.integers(1, stages))):
        length = CHUNK // draw(some.sampled_from([1, 2, 4]))
        weights = [draw(weight) for _ in range(sources)]
        weights[0] = weights[0] if any(weights) else 1
        samples = CHUNK // length * draw(some.integers(1, 60))
        planned.append(Stage(samples=samples, weights=tuple(weights), sequence_length=length))
    if draw(some.booleans()):
        planned.append(Stage(weights=(1,) * sources, sequence_length=draw(some.sampled_from([8, 16]))))
    return SampleOrder(
        admissions=tuple(admitted), stages=tuple(planned), seed=draw(some.integers(0, 2**32)), fingerprint="f" * 64,
        names=tuple("abcde"[:sources]), caps=tuple(draw(some.sampled_from([None, 1, 1.5, 2])) for _ in range(sources)), chunk=CHUNK,
    )  # fmt: skip


def length_of(order: SampleOrder) -> int:
    return FAR if order.samples is None else order.samples
