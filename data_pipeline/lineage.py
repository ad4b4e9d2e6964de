"""From a document to the samples that hold it, and what is on record of it.

Whoever asks to have a text taken out, or doubts a benchmark, asks: was this document trained on, when, how
often? The order of samples has an inverse, so the answer is looked up, not searched for in logs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from data_pipeline.prepared import Prepared, Split
from data_pipeline.stored.reader import SampleReader
from data_pipeline.stored.storage import Storage
from data_pipeline.stored.stream import Stream
from orchestrator.errors import CommandError

_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Found:
    """A document in prepared data. `start` to `end`: its tokens in the stream of its source; `facts`: all on record of it."""

    split: Split
    source: str
    shard: str
    start: int
    end: int
    facts: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Occurrence:
    """A sample that holds tokens `start` to `end` (exclusive) of the document."""

    sample: int
    epoch: int
    start: int
    end: int


def find_document(prepared: Prepared, storage: Storage, name: str) -> list[Found]:
    """The documents of this id, of every source that has one. Raises CommandError, which names those with the nearest ids."""
    found: list[Found] = []
    near: list[tuple[int, str]] = []
    for split, source, stream, shard, ids in _lists(prepared, storage):
        for document in (number for number, each in enumerate(ids) if each == name):
            bounds = stream.index(shard).start_of(np.array([document, document + 1])) + stream.first_tokens[shard]
            start, end = bounds.tolist()
            facts = stream.listed(shard).facts(document)
            found.append(Found(split=split, source=source, shard=stream.shards[shard], start=start, end=end, facts=facts))
        if not found:
            near = sorted({*near, *_nearest(name, ids)}, reverse=True)[:_SHOWN]
    if not found:
        hint = f"; the nearest are {', '.join(repr(each) for _, each in near)}" if near else ""
        raise CommandError(f"{prepared.folder.name} holds no document {name!r}{hint}")
    return found


def occurrences(reader: SampleReader, found: Found, samples: int) -> list[Occurrence]:
    """The first `samples` samples that hold any token of the document, in order."""
    source = reader.names.index(found.source)
    numbers = reader.order.find(source, found.start, found.end, samples)
    pieces = reader.order.pieces(numbers)
    heads = np.maximum(pieces.start, found.start) - found.start
    tails = np.minimum(pieces.start + pieces.length, found.end) - found.start
    return [
        Occurrence(sample=sample, epoch=epoch, start=head, end=tail)
        for sample, epoch, head, tail in zip(
            numbers[pieces.sample].tolist(), pieces.epoch.tolist(), heads.tolist(), tails.tolist(), strict=True
        )
        if tail > head
    ]


def _lists(prepared: Prepared, storage: Storage) -> Iterator[tuple[Split, str, Stream, int, list[str]]]:
    """(split, source, stream, shard, ids) of every shard."""
    splits: tuple[Split, ...] = ("train", "validation")
    for split in splits:
        for source in prepared.sources:
            stream = Stream(prepared, storage, source.name, split)
            for shard in range(len(stream.shards)):
                yield split, source.name, stream, shard, stream.listed(shard).column("id")


def _nearest(name: str, ids: list[str]) -> list[tuple[int, str]]:
    """(closeness, id) of a few that hold the name, or begin like it."""
    scored = ((len(name) if name in each else _alike(name, each), each) for each in ids)
    return sorted((pair for pair in scored if pair[0]), reverse=True)[:_SHOWN]


def _alike(left: str, right: str) -> int:
    """Characters that both begin with."""
    return next((at for at, (one, other) in enumerate(zip(left, right, strict=False)) if one != other), min(len(left), len(right)))
