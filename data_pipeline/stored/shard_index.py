"""Where documents begin in a shard: looked up in its index, which is never read whole.

The index of a shard is a fiftieth of its tokens, so the indices of a corpus of 10**12 tokens are many
gigabytes; what is asked of them is mostly in which document one token lies. That is a search by halves
in the sorted offsets, all tokens asked for at once, which touches a few pages (or blocks of a far file).
"""

from __future__ import annotations

import numpy as np

from data_pipeline.shards import HEADER, read_header
from data_pipeline.stored.held import Held
from orchestrator.errors import DataError

_INT64 = np.dtype("<i8")


class ShardIndex:
    """The `.idx` of a shard of `tokens` tokens, one sequence for each document.

    Raises DataError for a file that is no such index.
    """

    def __init__(self, held: Held, name: str, tokens: int) -> None:
        head = held.slice(np.dtype("u1"), 0, 0, min(HEADER.size, held.size)).tobytes()
        dtype, self.documents, indices = read_header(head, held.size, name)
        if indices != self.documents + 1:
            told = f"{name} cuts {indices - 1:,} documents into {self.documents:,} sequences"
            raise DataError(f"{told}, and a prepared shard has one for each; prepare the data again")
        self._held, self._width, self._tokens = held, dtype.itemsize, tokens
        self._offsets = HEADER.size + 4 * self.documents

    def document_at(self, tokens: np.ndarray) -> np.ndarray:
        """Which document each of these tokens lies in; int64[n] -> int64[n]. Documents without tokens hold none."""
        low = np.zeros(len(tokens), dtype=np.int64)
        high = np.full(len(tokens), self.documents, dtype=np.int64)
        while (apart := high - low > 1).any():
            middle = (low + high) // 2
            after = apart & (self._starts(middle) <= tokens)
            low = np.where(after, middle, low)
            high = np.where(apart & ~after, middle, high)
        return low

    def start_of(self, documents: np.ndarray) -> np.ndarray:
        """First token of these documents, int64[n]; of one past the last, the number of tokens."""
        if not self.documents:
            return np.zeros(len(documents), dtype=np.int64)
        inside = np.minimum(documents, self.documents - 1)
        return np.where(documents < self.documents, self._starts(inside), self._tokens)

    def lengths(self) -> np.ndarray:
        """Tokens of every document, int32[documents]."""
        return self._held.slice(np.dtype("<i4"), HEADER.size, 0, self.documents)

    def _starts(self, documents: np.ndarray) -> np.ndarray:
        return self._held.take(_INT64, self._offsets, documents) // self._width
