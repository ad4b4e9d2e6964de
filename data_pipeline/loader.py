"""Sample numbers -> tensors of tokens, and where each of those tokens came from.

The loader has no state and no order of its own: asked for any sample numbers, it answers with their
tokens, read from memory-mapped shards. So ranks, restarts and worker threads cannot disagree, and the
ledger can be written from the same numbers, before or after, without touching the tokens.

This is the only module of the data pipeline that imports torch.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from data_pipeline.order import SampleOrder, validation_windows
from data_pipeline.prepared import Prepared, Split
from data_pipeline.shards import Shard


@dataclass(frozen=True, slots=True)
class Span:
    """Tokens `start` to `end` (exclusive) of one document, its end-of-document token included."""

    document: str
    shard: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where the sequence_length + 1 tokens of one sample came from, in their order."""

    sample: int
    source: str
    epoch: int
    spans: tuple[Span, ...]


class Loader:
    """Samples of a prepared mixture. n samples of sequence length s are int64[n, s + 1].

    Raises DataError when a source is shorter than one sample, or a shard is damaged.
    """

    def __init__(self, prepared: Prepared, *, sequence_length: int, seed: int) -> None:
        self.prepared = prepared
        self.sequence_length = sequence_length
        self.order = SampleOrder.plain(
            tokens_per_source=tuple(source.train_tokens for source in prepared.sources),
            weights=tuple(source.weight for source in prepared.sources),
            sequence_length=sequence_length,
            seed=seed,
            fingerprint=prepared.fingerprint,
            names=tuple(source.name for source in prepared.sources),
        )
        self._train = [_Stream(prepared, source.name, "train") for source in prepared.sources]

    def tokens(self, indices: np.ndarray) -> torch.Tensor:
        """The samples with these global numbers; int64[n] -> LongTensor[n, s + 1]."""
        sources, _, starts = self.order.locate(indices)
        return self._gather(self._train, sources, starts)

    def batches(
        self, index_arrays: Iterable[np.ndarray], *, workers: int = 2, ahead: int = 4
    ) -> Iterator[torch.Tensor]:
        """`tokens` of each array in turn, up to `ahead` of them read in advance by `workers` threads.

        The result does not depend on `workers` or `ahead`. An error in a thread is raised here, in its
        turn; closing the iterator (or leaving it to be collected) ends the threads.
        """
        arrays = iter(index_arrays)
        if workers == 0:
            yield from map(self.tokens, arrays)
            return
        pool = ThreadPoolExecutor(workers, thread_name_prefix="loader")
        try:
            pending: deque[Future[torch.Tensor]] = deque(
                pool.submit(self.tokens, array) for array in islice(arrays, max(ahead, 1))
            )
            while pending:
                batch = pending.popleft().result()
                pending.extend(pool.submit(self.tokens, array) for array in islice(arrays, 1))
                yield batch
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def validation(self, samples: int) -> torch.Tensor:
        """The first `samples` held-out windows, the same for every seed; LongTensor[n, s + 1].

        n is smaller than `samples` when the held-out documents give no more.
        """
        streams = [_Stream(self.prepared, source.name, "validation") for source in self.prepared.sources]
        sources, starts = validation_windows(
            tokens_per_source=[len(stream) for stream in streams],
            weights=[source.weight for source in self.prepared.sources],
            sequence_length=self.sequence_length,
            samples=samples,
            fingerprint=self.prepared.fingerprint,
        )
        return self._gather(streams, sources, starts)

    def train_streams(self) -> list[np.ndarray]:
        """All training tokens, one read-only array per shard; for counting models such as the bigram."""
        return [shard.tokens for stream in self._train for shard in stream.shards]

    def describe(self, indices: np.ndarray) -> list[Origin]:
        """Documents and spans of these samples; the spans of a sample, joined, are its tokens."""
        indices = np.asarray(indices, dtype=np.int64)
        sources, epochs, starts = self.order.locate(indices)
        spans: list[tuple[Span, ...]] = [()] * len(indices)
        for source in np.unique(sources):
            chosen = np.flatnonzero(sources == source)
            found = self._train[source].spans(starts[chosen], self.sequence_length + 1)
            for position, of_sample in zip(chosen, found, strict=True):
                spans[position] = of_sample
        names = [source.name for source in self.prepared.sources]
        return [
            Origin(sample=sample, source=names[source], epoch=epoch, spans=of_sample)
            for sample, source, epoch, of_sample in zip(
                indices.tolist(), sources.tolist(), epochs.tolist(), spans, strict=True
            )
        ]

    def _gather(self, streams: list[_Stream], sources: np.ndarray, starts: np.ndarray) -> torch.Tensor:
        samples = np.empty((len(sources), self.sequence_length + 1), dtype=np.int64)
        for row, source, start in zip(samples, sources.tolist(), starts.tolist(), strict=True):
            streams[source].read(start, row)
        return torch.from_numpy(samples)


class _Stream:
    """All tokens of one split of one source, over its shards in order."""

    def __init__(self, prepared: Prepared, source: str, split: Split) -> None:
        self.shards = [Shard(prefix) for prefix in prepared.shards(source, split)]
        sizes = [shard.tokens.size for shard in self.shards]
        # of each shard, then the end
        self.first_tokens = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))

    def __len__(self) -> int:
        return int(self.first_tokens[-1])

    def read(self, start: int, into: np.ndarray) -> None:
        """Fills `into` with the tokens from `start` on, from as many shards as that takes."""
        filled = 0
        shard = int(np.searchsorted(self.first_tokens, start, side="right")) - 1
        while filled < into.size:
            offset = start + filled - int(self.first_tokens[shard])
            piece = self.shards[shard].tokens[offset : offset + into.size - filled]
            into[filled : filled + piece.size] = piece
            filled += piece.size
            shard += 1

    def spans(self, starts: np.ndarray, length: int) -> Iterator[tuple[Span, ...]]:
        """For each window of `length` tokens, the pieces of documents that it consists of."""
        bounds = self._document_bounds
        firsts = np.searchsorted(bounds, starts, side="right") - 1
        counts = np.searchsorted(bounds, starts + length, side="left") - firsts
        ends = np.cumsum(counts)
        documents = np.arange(ends[-1]) + np.repeat(firsts - (ends - counts), counts)
        heads = np.maximum(np.repeat(starts, counts), bounds[documents]) - bounds[documents]
        tails = np.minimum(np.repeat(starts + length, counts), bounds[documents + 1]) - bounds[documents]
        shards = np.searchsorted(self._first_documents, documents, side="right") - 1
        in_shard = documents - self._first_documents[shards]
        pieces = (
            Span(self._names[shard][document], self.shards[shard].prefix.name, head, tail)
            for shard, document, head, tail in zip(
                shards.tolist(), in_shard.tolist(), heads.tolist(), tails.tolist(), strict=True
            )
        )
        for count in counts.tolist():
            yield tuple(islice(pieces, count))

    @cached_property
    def _document_bounds(self) -> np.ndarray:
        """int64[documents + 1]: first token of each document in the stream, then the end."""
        starts = [
            shard.starts[shard.documents[:-1]] + first
            for shard, first in zip(self.shards, self.first_tokens[:-1], strict=True)
        ]
        return np.concatenate([*starts, self.first_tokens[-1:]])

    @cached_property
    def _first_documents(self) -> np.ndarray:
        return np.concatenate(([0], np.cumsum([len(shard.documents) - 1 for shard in self.shards])))

    @cached_property
    def _names(self) -> list[_DocumentNames]:
        return [_DocumentNames(shard.prefix) for shard in self.shards]


class _DocumentNames:
    """Ids of the documents of one shard, looked up in its memory-mapped list of JSON lines."""

    def __init__(self, prefix: Path) -> None:
        self._text = np.memmap(prefix.with_name(f"{prefix.name}.jsonl"), mode="r", dtype=np.uint8)
        self._ends = np.flatnonzero(self._text == ord("\n"))

    def __getitem__(self, document: int) -> str:
        start = int(self._ends[document - 1]) + 1 if document else 0
        line = json.loads(self._text[start : int(self._ends[document])].tobytes())
        name: str = line["id"]
        return name
