"""What a run took of each source, counted from the ledger that it wrote while it trained.

A forecast is a promise. The ledger has, for each step, the samples that the ranks were fed, with source and epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Of one source: samples, and the tokens predicted in them."""

    samples: int
    tokens: int


@dataclass(frozen=True, kw_only=True)
class Consumed:
    """Of all sources, up to and with `step`."""

    run: str
    step: int
    sources: Mapping[str, Taken]

    @property
    def tokens(self) -> int:
        return sum(taken.tokens for taken in self.sources.values())

    def share(self, source: str) -> float:
        """Of the tokens, between 0 and 1."""
        return self.of(source).tokens / self.tokens if self.tokens else 0.0

    def of(self, source: str) -> Taken:
        return self.sources.get(source, Taken(samples=0, tokens=0))


def consumed_of(run: str, lines: Iterable[Mapping[str, Any]]) -> Consumed:
    """Adds up a ledger's lines, `{"step", "samples": [[sample, source, epoch, [[shard, document, start, end], ...]], ...]}`.

    A sample of n + 1 tokens predicts n.
    """
    step, samples, tokens = 0, dict[str, int](), dict[str, int]()
    for each in lines:
        step = each["step"]
        for _, source, _, spans in each["samples"]:
            samples[source] = samples.get(source, 0) + 1
            tokens[source] = tokens.get(source, 0) + sum(end - start for _, _, start, end in spans) - 1
    taken = {source: Taken(samples=number, tokens=tokens[source]) for source, number in samples.items()}
    return Consumed(run=run, step=step, sources=taken)
