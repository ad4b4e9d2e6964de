"""Samples of prepared data as tensors, read ahead of the training step that takes them.

    samples.py      tokens, where one document of a sample ends and the next begins, what is padding
    read_ahead.py   batches read before they are asked for, in threads or in processes

What a sample holds is decided by `data_pipeline.order`, where its bytes lie by `data_pipeline.stored`. This
package is the only part of the data pipeline that imports torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import Literal

import numpy as np
import torch

from data_pipeline.loader.read_ahead import in_processes, in_threads
from data_pipeline.loader.samples import Samples
from data_pipeline.order import validation_windows
from data_pipeline.prepared import Prepared
from data_pipeline.stored.live import Live
from data_pipeline.stored.orders import Listed, own_order
from data_pipeline.stored.reader import Arrays, Order, Origin, SampleReader, Span
from data_pipeline.stored.storage import Here, Storage

__all__ = ["Loader", "Origin", "Samples", "Span"]


class Loader:
    """Samples of a prepared mixture. n samples of sequence length s are int64[n, s + 1].

    storage: where the files lie; by default in the prepared folder. order: by default the project's own. apart:
    whether samples say which document each of their tokens is of. live: whence samples come while more are prepared;
    `prepared` is its first wave, where validation stays.

    Raises DataError when a source is shorter than one sample, or a shard is damaged.
    """

    def __init__(
        self, prepared: Prepared, *, sequence_length: int, seed: int, storage: Storage | None = None, order: Order | None = None,
        apart: bool = False, live: Live | None = None,
    ) -> None:  # fmt: skip
        self.prepared = prepared
        self.sequence_length = sequence_length
        self.apart = apart
        self.storage = storage or Here(prepared.folder, prepared.files)
        self.live = live
        self._reader: SampleReader | Live = live or SampleReader(
            prepared, self.storage, order or own_order(prepared, sequence_length=sequence_length, seed=seed)
        )

    @property
    def order(self) -> Order:
        return self._reader.order

    def tokens(self, indices: np.ndarray) -> torch.Tensor:
        """The samples with these global numbers; int64[n] -> LongTensor[n, s + 1]."""
        return torch.from_numpy(self._reader.tokens(indices))

    def rows(self, indices: np.ndarray) -> Iterator[np.ndarray]:
        """The tokens of each of these samples, without padding."""
        tokens, filled = self._reader.tokens(indices), self.order.filled(indices)
        yield from tokens if filled is None else (row[:count] for row, count in zip(tokens, filled.tolist(), strict=True))

    def targets(self, indices: np.ndarray) -> int | None:
        """How many tokens are predicted in these samples; None where none of them has padding, and so all of s."""
        filled = self.order.filled(indices)
        return None if filled is None else int((filled - 1).sum())

    def batches(
        self, index_arrays: Iterable[np.ndarray], *, workers: int = 2, ahead: int = 4, by: Literal["threads", "processes"] = "threads"
    ) -> Iterator[Samples]:
        """The samples of each array in turn, up to `ahead` arrays read in advance by `workers` threads or processes.

        The result depends on none of the three. An error of a worker is raised here, in its turn; closing
        the iterator (or leaving it to be collected) ends the workers.
        """
        read = partial(self._reader.read, apart=self.apart)
        if by == "threads" or workers == 0:
            found = in_threads(read, index_arrays, workers=workers, ahead=ahead, there=self._there)
        else:
            found = in_processes(partial(partial, read), index_arrays, workers=workers, ahead=ahead, there=self._there)
        with closing(found):
            for arrays in found:
                yield _as_samples(arrays)

    def there(self, samples: int) -> bool:
        """Whether so many samples can be read without waiting for their preparation."""
        return self.live is None or self.live.there(samples)

    def _there(self, indices: np.ndarray) -> bool:
        return self.there(int(indices.max(initial=-1)) + 1)

    def validation(self, samples: int) -> Samples:
        """The first `samples` held-out windows, the same for every seed.

        There are fewer when the held-out documents give no more.
        """
        source, start = validation_windows(
            tokens_per_source=[source.validation_tokens for source in self.prepared.sources],
            weights=[source.weight for source in self.prepared.sources],
            sequence_length=self.sequence_length,
            samples=samples,
            fingerprint=self.prepared.fingerprint,
        )
        listed = Listed(source=source, start=start, length=self.sequence_length + 1)
        reader = SampleReader(self.prepared, self.storage, listed, "validation")
        return _as_samples(reader.read(np.arange(len(start)), apart=self.apart))

    def describe(self, indices: np.ndarray) -> list[Origin]:
        """Documents and spans of these samples; the spans of a sample, joined, are its tokens without padding."""
        return self._reader.describe(indices)


def _as_samples(arrays: Arrays) -> Samples:
    tokens, documents, filled = (None if array is None else torch.from_numpy(array) for array in arrays)
    assert tokens is not None
    return Samples(tokens=tokens, documents=documents, filled=filled)
