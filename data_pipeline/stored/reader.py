"""Sample numbers -> arrays of tokens, and where each of those tokens came from.

It has no state and no order of its own: asked for any sample numbers, it answers with what the order says
they hold. So ranks, restarts and worker threads cannot disagree, and the ledger can be written from the
same numbers, before or after, without touching the tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol

import numpy as np

from data_pipeline.prepared import Prepared, Split
from data_pipeline.stored.storage import Storage
from data_pipeline.stored.stream import Parts, Stream, in_order


@dataclass(frozen=True, slots=True)
class Span:
    """Tokens `start` to `end` (exclusive) of one document, its end-of-document token included."""

    document: str
    shard: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where the tokens of one sample came from, in their order; padding came from nowhere."""

    sample: int
    source: str
    epoch: int
    spans: tuple[Span, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pieces:
    """What samples consist of: runs of tokens, those of a sample one after another.

    sample  int64[p]  position of its sample among those asked for, ascending
    source  int64[p]  in the order of the mixture
    epoch   int64[p]
    start   int64[p]  first token, in the stream of all training tokens of the source
    length  int64[p]  tokens
    row     tokens that every sample is padded to; None where all have equally many
    """

    sample: np.ndarray
    source: np.ndarray
    epoch: np.ndarray
    start: np.ndarray
    length: np.ndarray
    row: int | None = None

    def sizes(self, samples: int) -> np.ndarray:
        """int64[samples]: the tokens in each of them."""
        return np.bincount(self.sample, weights=self.length, minlength=samples).astype(np.int64)


Arrays = tuple[np.ndarray, np.ndarray | None, np.ndarray | None]
"""Tokens int64[n, s + 1] of n samples; the document of each token, int32[n, s + 1], counted from 0 in each sample, padding being one
of its own; and how many tokens of each sample are no padding, int64[n]."""


class Order(Protocol):
    """Which tokens a sample holds."""

    def pieces(self, indices: np.ndarray) -> Pieces:
        """The pieces of the samples with these global numbers, int64[n]."""

    def filled(self, indices: np.ndarray) -> np.ndarray | None:
        """How many tokens of each of these samples are no padding, int64[n]; None for an order that has none."""

    def find(self, source: int, start: int, end: int, samples: int) -> np.ndarray:
        """Those of the first `samples` samples that hold any of tokens `start` to `end` of a source's stream, sorted."""


class SampleReader:
    """The samples of one split of prepared data, in some order. Raises DataError for a shard that is damaged."""

    def __init__(self, prepared: Prepared, storage: Storage, order: Order, split: Split = "train") -> None:
        self.names = tuple(source.name for source in prepared.sources)
        self.order = order
        self._end_id = prepared.end_id
        self.streams = [Stream(prepared, storage, name, split) for name in self.names]

    def tokens(self, indices: np.ndarray) -> np.ndarray:
        """The samples with these numbers, all of one length, padded with ends of documents; int64[n] -> int64[n, s + 1]."""
        pieces = self.order.pieces(indices)
        return self._tokens(pieces, pieces.sizes(len(indices)))

    def read(self, indices: np.ndarray, *, apart: bool) -> Arrays:
        """All that a loader hands on of the samples; the documents only where they are to be kept apart."""
        pieces = self.order.pieces(indices)
        sizes = pieces.sizes(len(indices))
        documents = self._documents(pieces, sizes) if apart else None
        return self._tokens(pieces, sizes), documents, None if pieces.row is None else sizes

    def _documents(self, pieces: Pieces, sizes: np.ndarray) -> np.ndarray:
        parts = self._parts(pieces)
        sample = pieces.sample[parts.piece]
        first = np.searchsorted(sample, sample, side="left")
        number = (np.arange(len(sample)) - first).astype(np.int32)
        documents = np.repeat(number, parts.tail - parts.head)
        if pieces.row is None:
            return documents.reshape(len(sizes), -1)
        padded = np.repeat(np.bincount(sample, minlength=len(sizes)).astype(np.int32), pieces.row).reshape(-1, pieces.row)
        padded[np.arange(pieces.row) < sizes[:, None]] = documents
        return padded

    def _tokens(self, pieces: Pieces, sizes: np.ndarray) -> np.ndarray:
        at = np.cumsum(pieces.length) - pieces.length
        if pieces.row is None:
            flat = np.empty(int(pieces.length.sum()), dtype=np.int64)
        else:
            flat = np.full(len(sizes) * pieces.row, self._end_id, dtype=np.int64)
            at += (np.arange(len(sizes)) * pieces.row - (np.cumsum(sizes) - sizes))[pieces.sample]
        for source in np.unique(pieces.source).tolist():
            chosen = np.flatnonzero(pieces.source == source)
            self.streams[source].read(pieces.start[chosen], pieces.length[chosen], flat, at[chosen])
        if pieces.row is None and (sizes != sizes[:1]).any():
            raise ValueError("samples of several lengths are no one array; ask for those of each length alone")
        return flat.reshape(len(sizes), -1)

    def describe(self, indices: np.ndarray) -> list[Origin]:
        """Documents and spans of these samples; the spans of a sample, joined, are its tokens without padding."""
        indices = np.asarray(indices, dtype=np.int64)
        pieces = self.order.pieces(indices)
        parts = self._parts(pieces)
        spans = (
            Span(self.streams[source].listed(shard).id(document), self.streams[source].shards[shard].rpartition("/")[2], head, tail)
            for source, shard, document, head, tail in zip(
                pieces.source[parts.piece].tolist(), parts.shard.tolist(), parts.document.tolist(), parts.head.tolist(),
                parts.tail.tolist(), strict=True,
            )
        )  # fmt: skip
        first = np.searchsorted(pieces.sample, np.arange(len(indices)), side="left")
        counts = np.bincount(pieces.sample[parts.piece], minlength=len(indices))
        return [
            Origin(sample=sample, source=self.names[source], epoch=epoch, spans=tuple(islice(spans, count)))
            for sample, source, epoch, count in zip(
                indices.tolist(), pieces.source[first].tolist(), pieces.epoch[first].tolist(), counts.tolist(), strict=True
            )
        ]

    def _parts(self, pieces: Pieces) -> Parts:
        """The parts of all pieces, in their order."""
        found: list[Parts] = []
        for source in np.unique(pieces.source).tolist():
            chosen = np.flatnonzero(pieces.source == source)
            parts = self.streams[source].parts(pieces.start[chosen], pieces.length[chosen])
            found.append(replace(parts, piece=chosen[parts.piece]))
        return in_order(found)
