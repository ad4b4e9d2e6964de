"""All tokens of one split of one source, over its shards in order, and the documents they belong to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from threading import Lock

import numpy as np

from data_pipeline.prepared import Prepared, Split
from data_pipeline.shards import token_dtype
from data_pipeline.stored.held import Held
from data_pipeline.stored.listed import Listed
from data_pipeline.stored.shard_index import ShardIndex
from data_pipeline.stored.storage import Storage

_OPEN = 16
"""Indices and lists of names that a stream holds open at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Pieces of a stream cut at the ends of shards and of documents, in their order.

    piece     int64[p]  which of the pieces asked for it belongs to
    shard     int64[p]
    document  int64[p]  in the shard
    head      int64[p]  first token, counted from the start of the document
    tail      int64[p]  one past the last
    """

    piece: np.ndarray
    shard: np.ndarray
    document: np.ndarray
    head: np.ndarray
    tail: np.ndarray


def in_order(found: Sequence[Parts]) -> Parts:
    """The parts of several streams' pieces, by piece."""
    columns = {name.name: np.concatenate([getattr(parts, name.name) for parts in found]) for name in fields(Parts)}
    order = np.argsort(columns["piece"], kind="stable")
    return Parts(**{name: column[order] for name, column in columns.items()})


class Stream:
    """The tokens of `shards`, one after another; `len` is their number.

    Raises DataError when a shard is missing or has another size than was prepared; those of a far folder
    are first looked at when their tokens are asked for.
    """

    def __init__(self, prepared: Prepared, storage: Storage, source: str, split: Split) -> None:
        self._made_of = prepared, storage, source, split
        prefixes = prepared.shards(source, split)
        self.shards = [prefix.relative_to(prepared.folder).as_posix() for prefix in prefixes]
        self._storage, self._dtype = storage, token_dtype(prepared.vocab_size)
        for shard in self.shards:
            storage.check(f"{shard}.bin")
            storage.check(f"{shard}.idx")
        sizes = [prepared.files[f"{shard}.bin"][0] // self._dtype.itemsize for shard in self.shards]
        self.first_tokens = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
        """int64[shards + 1]: of each shard, then the end."""
        self._indices: OrderedDict[int, tuple[ShardIndex, Listed]] = OrderedDict()
        self._lock = Lock()

    def __reduce__(self) -> tuple[type[Stream], tuple[Prepared, Storage, str, Split]]:
        return Stream, self._made_of

    def __len__(self) -> int:
        return int(self.first_tokens[-1])

    def read(self, starts: np.ndarray, lengths: np.ndarray, into: np.ndarray, at: np.ndarray) -> None:
        """For each piece, the `lengths` tokens from `starts` on go to `into[at:]`; all but `into` int64[p]."""
        pieces, shards, offsets, counts = self._cut(starts, lengths)
        places = at[pieces] + self.first_tokens[shards] + offsets - starts[pieces]
        opened: dict[int, Held] = {}
        dtype = self._dtype
        for shard, offset, count, place in zip(
            shards.tolist(), offsets.tolist(), counts.tolist(), places.tolist(), strict=True
        ):
            held = opened.get(shard)
            if held is None:
                held = opened[shard] = self._storage.open(f"{self.shards[shard]}.bin")
            into[place : place + count] = held.slice(dtype, 0, offset, count)

    def parts(self, starts: np.ndarray, lengths: np.ndarray) -> Parts:
        """The documents, and the tokens of each, that these pieces consist of."""
        pieces, shards, offsets, counts = self._cut(starts, lengths)
        first, number = np.empty_like(offsets), np.empty_like(offsets)
        for shard in np.unique(shards).tolist():
            chosen = np.flatnonzero(shards == shard)
            index = self.index(shard)
            first[chosen] = index.document_at(offsets[chosen])
            last = index.document_at(offsets[chosen] + counts[chosen] - 1)
            number[chosen] = last - first[chosen] + 1
        each = np.repeat(np.arange(len(pieces)), number)
        document = first[each] + _within(number)
        bounds = np.empty((2, len(each)), dtype=np.int64)
        for shard in np.unique(shards).tolist():
            chosen = np.flatnonzero(shards[each] == shard)
            index = self.index(shard)
            bounds[:, chosen] = index.start_of(document[chosen]), index.start_of(document[chosen] + 1)
        head = np.maximum(offsets[each], bounds[0]) - bounds[0]
        tail = np.minimum((offsets + counts)[each], bounds[1]) - bounds[0]
        some = tail > head  # a document without tokens lies in no piece
        return Parts(
            piece=pieces[each][some], shard=shards[each][some], document=document[some], head=head[some], tail=tail[some]
        )

    def index(self, shard: int) -> ShardIndex:
        return self._opened(shard)[0]

    def index_checksum(self, shard: int) -> str:
        """SHA-256 of a shard's index, which tells shards with other lengths of documents apart."""
        return self._storage.files[f"{self.shards[shard]}.idx"][1]

    def listed(self, shard: int) -> Listed:
        """What is on record of the documents of a shard."""
        return self._opened(shard)[1]

    def _opened(self, shard: int) -> tuple[ShardIndex, Listed]:
        with self._lock:
            found = self._indices.get(shard)
            if found is None:
                name = self.shards[shard]
                tokens = int(self.first_tokens[shard + 1] - self.first_tokens[shard])
                index = ShardIndex(self._storage.open(f"{name}.idx"), f"{name}.idx", tokens)
                found = self._indices[shard] = index, Listed(self._storage, name)
                if len(self._indices) > _OPEN:
                    self._indices.popitem(last=False)
            else:
                self._indices.move_to_end(shard)
            return found

    def _cut(self, starts: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Pieces of the stream -> (piece, shard, first token in the shard, tokens) of their parts in each shard, int64[p]."""
        bounds = self.first_tokens
        first = np.searchsorted(bounds, starts, side="right") - 1
        last = np.searchsorted(bounds, starts + lengths - 1, side="right") - 1
        number = last - first + 1
        pieces = np.repeat(np.arange(len(starts)), number)
        shards = first[pieces] + _within(number)
        begins = np.maximum(starts[pieces], bounds[shards])
        counts = np.minimum((starts + lengths)[pieces], bounds[shards + 1]) - begins
        return pieces, shards, begins - bounds[shards], counts


def _within(numbers: np.ndarray) -> np.ndarray:
    """[2, 3] -> [0, 1, 0, 1, 2]."""
    ends = np.cumsum(numbers)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - numbers, numbers)
