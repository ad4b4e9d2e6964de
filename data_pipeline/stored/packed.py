"""Samples of whole documents, dealt out in the project's own order.

Which document lies in which sample is worked out once a shard (order/best_fit.py) and looked up from then on. When each sample
comes is the formula of the project's own order: sample k of a source with N of them stands in it for tokens k * s to (k + 1) * s of a
stream of N * s + 1, s the sequence length. So mixing, permutation, epochs, caps and stages are those of windows, a run can stop
anywhere and go on with other ranks, and nothing is saved but the number of samples done.

A packing depends on the lengths of the shard's documents and on the size of a sample alone. It is kept under the name of both,
appears whole or not at all, and is found by every process that comes later.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from data_pipeline.order import SampleOrder
from data_pipeline.order.best_fit import Packing, pack
from data_pipeline.order.forecast import epochs_reached
from data_pipeline.order.kept import kept
from data_pipeline.stored.reader import Pieces
from data_pipeline.stored.stream import Stream

_OPEN = 64
"""Packings of one source that are mapped at once."""


class PackedSource:
    """The documents of a stream in samples of at most `capacity` tokens, numbered through all shards; `len` is their number.

    cache: the folder in which packings are kept; without one they are held in memory. Safe for threads; may be pickled.
    """

    def __init__(self, stream: Stream, capacity: int, cache: Path | None) -> None:
        self._made_of = stream, capacity, cache
        self.stream, self.capacity = stream, capacity
        self._packing = lru_cache(maxsize=None if cache is None else _OPEN)(self._opened)
        counts = [len(self._packing(shard)) for shard in range(len(stream.shards))]
        self._firsts = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))

    def __reduce__(self) -> tuple[type[PackedSource], tuple[Stream, int, Path | None]]:
        return PackedSource, self._made_of

    def __len__(self) -> int:
        return int(self._firsts[-1])

    def pieces(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(row, first token in the stream, tokens) of each piece of these samples, int64[p], by row."""
        shards = self._shard_of(numbers)
        found = [np.empty((3, 0), dtype=np.int64)]
        for shard in np.unique(shards).tolist():
            chosen = np.flatnonzero(shards == shard)
            rows, cut = self._packing(shard).locate(numbers[chosen] - self._firsts[shard])
            document, head, tail = cut.astype(np.int64).T
            start = self.stream.first_tokens[shard] + self.stream.index(shard).start_of(document) + head
            found.append(np.stack([chosen[rows], start, tail - head]))
        every = np.concatenate(found, axis=1)
        row, start, length = every[:, np.argsort(every[0], kind="stable")]
        return row, start, length

    def filled(self, numbers: np.ndarray) -> np.ndarray:
        """int64[n]: the tokens in each of these samples."""
        shards, found = self._shard_of(numbers), np.empty(len(numbers), dtype=np.int64)
        for shard in np.unique(shards).tolist():
            chosen = np.flatnonzero(shards == shard)
            found[chosen] = self._packing(shard).filled(numbers[chosen] - self._firsts[shard])
        return found

    def find(self, start: int, end: int) -> np.ndarray:
        """The samples that hold any of tokens `start` to `end` of the stream, sorted; looks through the packings of their shards."""
        bounds = self.stream.first_tokens
        first, last = np.searchsorted(bounds, (start, end - 1), side="right") - 1
        found = [np.empty(0, dtype=np.int64)]
        for shard in range(int(first), int(last) + 1):
            packing, index = self._packing(shard), self.stream.index(shard)
            low, high = max(start - int(bounds[shard]), 0), min(end, int(bounds[shard + 1])) - int(bounds[shard])
            among = index.document_at(np.array([low, high - 1]))
            near = np.flatnonzero((packing.pieces[:, 0] >= among[0]) & (packing.pieces[:, 0] <= among[1]))
            document, head, tail = packing.pieces[near].astype(np.int64).T
            begins = index.start_of(document)
            holds = near[(begins + head < high) & (begins + tail > low)]
            found.append(np.searchsorted(packing.ends, holds, side="right") - 1 + self._firsts[shard])
        return np.unique(np.concatenate(found))

    def _shard_of(self, numbers: np.ndarray) -> np.ndarray:
        return np.searchsorted(self._firsts, numbers, side="right") - 1

    def _opened(self, shard: int) -> Packing:
        stream, capacity, cache = self._made_of
        if cache is None:
            return pack(stream.index(shard).lengths(), capacity)
        folder = cache / f"packed-{stream.index_checksum(shard)[:32]}-{capacity}"
        return Packing(capacity=capacity, **kept(folder, lambda: pack(stream.index(shard).lengths(), capacity).arrays()))


@dataclass(frozen=True, kw_only=True)
class Packed:
    """The project's own order over packed samples. `samples`: as if each source were as many windows as it has samples."""

    samples: SampleOrder
    sources: tuple[PackedSource, ...]

    @property
    def padding(self) -> float:
        """The part of all places, each source read once, that no token fills."""
        places = sum(len(source) * source.capacity for source in self.sources)
        return 1 - sum(len(source.stream) for source in self.sources) / max(places, 1)

    def pieces(self, indices: np.ndarray) -> Pieces:
        source, number, epoch = self._locate(indices)
        found = [np.empty((4, 0), dtype=np.int64)]
        for each in np.unique(source).tolist():
            chosen = np.flatnonzero(source == each)
            row, start, length = self.sources[each].pieces(number[chosen])
            found.append(np.stack([chosen[row], np.full_like(row, each), start, length]))
        every = np.concatenate(found, axis=1)
        sample, source, start, length = every[:, np.argsort(every[0], kind="stable")]
        return Pieces(sample=sample, source=source, epoch=epoch[sample], start=start, length=length, row=self._length + 1)

    def filled(self, indices: np.ndarray) -> np.ndarray:
        source, number, _ = self._locate(indices)
        found = np.empty_like(number)
        for each in np.unique(source).tolist():
            chosen = np.flatnonzero(source == each)
            found[chosen] = self.sources[each].filled(number[chosen])
        return found

    def find(self, source: int, start: int, end: int, samples: int) -> np.ndarray:
        epochs, length = epochs_reached(self.samples, source, samples), self._length
        numbers = self.sources[source].find(start, end)
        found = [np.empty(0, dtype=np.int64)]
        for run in np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1) if len(numbers) else ():
            first, last = int(run[0]), int(run[-1])  # a long document fills samples in a row
            found.append(self.samples.find(source, first * length + 1, last * length + 2, epochs=epochs))
        every = np.unique(np.concatenate(found))
        every = every[every < samples]
        return every[np.isin(self._locate(every)[1], numbers)]  # of sequences of one token, `find` gives the next sample too

    @property
    def _length(self) -> int:
        return self.samples.chunk_tokens

    def _locate(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(source, number of the packed sample in it, epoch), int64[n] each."""
        source, epoch, start = self.samples.locate(indices)
        return source, start // self._length, epoch
