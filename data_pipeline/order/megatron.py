"""Megatron's own order of samples, array for array, so that a run begun there can be continued or compared here.

Megatron-core's GPTDataset shuffles the documents of all its epochs together, cuts the row of their tokens into samples, and
shuffles the samples; a BlendedDataset then deals samples of several such datasets. The three index arrays of
the first and the two of the second are rebuilt here with numpy alone, equal to those of megatron-core 0.16.1
(`_build_document_sample_shuffle_indices`, `build_sample_idx`, `_get_size_per_split_per_dataset`).

This order is a function of the number of samples asked for: ask for more than an epoch, and everything is shuffled anew.
That is Megatron's, and is why the project's own order is another.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from data_pipeline.order.kept import kept
from data_pipeline.order.megatron_blend import blending_indices, exhaustive_blending_indices
from orchestrator.errors import DataError

SEPARATE_BELOW = 0.80
"""A last epoch of which less is used is shuffled apart from the others."""
SURPLUS = 0.005
"""Megatron builds so many more samples of each source than the blend should need (`mid_level_dataset_surplus`)."""


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """Parts of documents, int64[n] each: sample `row` of those asked for is its pieces in turn.

    `document` is a sequence of the shard's `.idx`; tokens `start` to `end` (exclusive) of it.
    """

    row: np.ndarray
    source: np.ndarray
    document: np.ndarray
    start: np.ndarray
    end: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class GPTIndex:
    """The arrays of one GPTDataset.

    document_index int32[documents x epochs]; sample_index int32 or int64[samples + 1, 2]: place in document_index and token
    in that document where each sample begins; shuffle_index uint32 or int64[samples].
    """

    document_index: np.ndarray
    sample_index: np.ndarray
    shuffle_index: np.ndarray

    def __len__(self) -> int:
        return len(self.shuffle_index)


def split_indices(split: Sequence[float], sequences: int) -> tuple[np.ndarray, ...]:
    """int32 sequence numbers of each part: (99, 1, 0) of 1,000 sequences -> 0 ... 989, 990 ... 999, none."""
    parts = (np.array(split, dtype=np.float64) / np.sum(np.array(split, dtype=np.float64))).tolist()
    bounds = [0.0]
    for part in parts:
        bounds.append(bounds[-1] + part)
    ends = [round(bound * float(sequences)) for bound in bounds]
    return tuple(np.arange(begin, end, dtype=np.int32) for begin, end in pairwise(ends))


def build_gpt_index(
    lengths: np.ndarray,
    indices: np.ndarray,
    *,
    sequence_length: int,
    samples: int | None,
    seed: int,
    extra: int = 1,
    drop_last: bool = True,
) -> GPTIndex:
    """Index of the sequences `indices` int32[n] with `lengths` int32[sequences of the shard].

    `samples`: at least so many, None for one epoch. `extra`: tokens that a sample has more than its sequence length
    (`add_extra_token_to_sequence`). `drop_last` is off where validation pads its last sample. Raises DataError for no tokens.
    """
    tokens = int(np.sum(lengths[indices], dtype=np.int64))
    if tokens <= extra:
        raise DataError(f"{len(indices):,} sequences with {tokens:,} tokens give no sample of {sequence_length:,}; add text")
    epochs = 1 if samples is None else max(1, -(-(samples * sequence_length + extra) // tokens))
    before_last = ((epochs - 1) * tokens - extra) // sequence_length
    in_one = (tokens - extra) // sequence_length
    separate = epochs > 1 and samples is not None and samples - before_last < int(SEPARATE_BELOW * in_one)
    random = np.random.RandomState(seed)
    document_index = _document_index(indices, epochs, separate, random)
    sample_index = _sample_index(
        lengths, document_index, sequence_length, epochs * tokens, extra=extra, drop_last=drop_last
    )
    count = len(sample_index) - 1
    parts = (before_last, count) if separate else (count,)
    return GPTIndex(
        document_index=document_index, sample_index=sample_index, shuffle_index=_shuffle_index(parts, count, random)
    )


def _document_index(
    indices: np.ndarray, epochs: int, separate: bool, random: np.random.RandomState
) -> np.ndarray:
    parts = [np.tile(indices.astype(np.int32), number) for number in ((epochs - 1, 1) if separate else (epochs,))]
    for part in parts:
        random.shuffle(part)
    return np.concatenate(parts) if separate else parts[0]


def _sample_index(
    lengths: np.ndarray, document_index: np.ndarray, sequence_length: int, tokens: int, *, extra: int, drop_last: bool
) -> np.ndarray:
    """Row k is where token k * sequence_length of the shuffled documents lies; `build_sample_idx` of helpers.cpp."""
    count = (tokens - extra) // sequence_length
    if not drop_last:  # single precision, as there
        count = int(np.ceil(np.float32(tokens - extra) / np.float32(sequence_length)))
    sizes = lengths[document_index]
    ends = np.cumsum(sizes, dtype=np.int64)
    targets = np.arange(count + 1, dtype=np.int64) * sequence_length
    places = np.searchsorted(ends, targets, side="right" if extra else "left")
    past = targets + extra > tokens  # a last sample that is not full ends at the last token
    places[past] = len(document_index) - 1
    places[0] = 0
    largest = max(len(document_index), int(lengths.max()))
    rows = np.empty((count + 1, 2), dtype=np.int32 if largest <= np.iinfo(np.int32).max else np.int64)
    rows[:, 0] = places
    rows[:, 1] = targets - (ends - sizes)[places]
    rows[past, 1] = int(sizes[-1]) - extra
    rows[0] = 0
    return rows


def _shuffle_index(ends: tuple[int, ...], total: int, random: np.random.RandomState) -> np.ndarray:
    kind = np.uint32 if total < np.iinfo(np.uint32).max - 1 else np.int64
    parts = []
    for begin, end in zip((0, *ends[:-1]), ends, strict=True):
        part = np.arange(begin, end, dtype=kind)
        random.shuffle(part)
        parts.append(part)
    return np.concatenate(parts)


@dataclass(frozen=True, kw_only=True)
class MegatronOrder:
    """The order of a run that Megatron would begin: `samples` samples of these sources.

    `lengths[s]`: int32, tokens of each sequence of source s; `indices[s]`: int32, those in use. `weights` None: in proportion
    to the samples that one epoch of each source gives. One source without weights is a GPTDataset, anything else a
    blend of them. `cache`: a folder in which finished arrays are kept and found again.
    """

    lengths: tuple[np.ndarray, ...]
    indices: tuple[np.ndarray, ...]
    weights: tuple[float, ...] | None
    sequence_length: int
    samples: int | None
    seed: int
    drop_last: bool = True
    extra: int = 1
    surplus: float = SURPLUS
    cache: Path | None = None

    def __post_init__(self) -> None:
        if self.weights is not None and self.samples is None:
            raise DataError("a blend with weights needs its number of samples: Megatron deals them out in advance; say it")

    @cached_property
    def sources(self) -> tuple[GPTIndex, ...]:
        """The index of each source, built (or read from the cache) at first use."""
        sizes: list[int | None] = [self.samples if len(self.lengths) == 1 else None] * len(self.lengths)
        if self.weights is not None:
            sizes = [math.ceil(size * (1 + self.surplus)) for size in self._sizes]
        return tuple(
            GPTIndex(
                **self._kept(
                    f"{_digest(lengths, indices)} {size} {self.sequence_length} {self.seed} {self.extra} {self.drop_last}",
                    partial(self._build, lengths, indices, size),
                )
            )
            for lengths, indices, size in zip(self.lengths, self.indices, sizes, strict=True)
        )

    @cached_property
    def blend(self) -> tuple[np.ndarray, np.ndarray] | None:
        """(dataset_index int16, dataset_sample_index int64) of a blend; None for one source without weights."""
        if self.weights is None and len(self.lengths) == 1:
            return None
        counts = [len(source) for source in self.sources]
        if self.weights is not None:
            weights, size = list(self._normal), sum(self._sizes)
        else:
            weights, size = [float(count) for count in counts], min(self.samples or sum(counts), sum(counts))
        if self.samples is None:
            chosen, ordinal = exhaustive_blending_indices(counts)
        else:
            kept = self._kept(f"blend {weights} {size}", partial(_blend, weights, size))
            chosen, ordinal = kept["chosen"], kept["ordinal"]
        for source, used in enumerate(np.bincount(chosen, minlength=len(counts)).tolist()):
            if used > counts[source]:
                raise DataError(f"the blend takes {used:,} samples of source {source}, which has {counts[source]:,}; raise `surplus`")
        return chosen, ordinal

    def __len__(self) -> int:
        return len(self.sources[0]) if self.blend is None else len(self.blend[0])

    def locate(self, samples: np.ndarray) -> Pieces:
        """Global sample indices int64[n] -> the parts of documents that they consist of."""
        samples = np.asarray(samples, dtype=np.int64)
        if samples.size and (samples.min() < 0 or samples.max() >= len(self)):
            raise DataError(f"there are samples 0 to {len(self) - 1:,}, not {samples.min():,} to {samples.max():,}")
        source, own = np.zeros_like(samples), samples
        if self.blend is not None:
            source, own = self.blend[0][samples].astype(np.int64), self.blend[1][samples]
        parts = [self._pieces(each, np.flatnonzero(source == each), own) for each in range(len(self.lengths))]
        joined = {name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])}
        order = np.argsort(joined["row"], kind="stable")
        return Pieces(**{name: values[order] for name, values in joined.items()})

    def _pieces(self, source: int, rows: np.ndarray, own: np.ndarray) -> Pieces:
        index = self.sources[source]
        number = index.shuffle_index[own[rows]].astype(np.int64)
        (first, start), (last, end) = (index.sample_index[at].astype(np.int64).T for at in (number, number + 1))
        counts = last - first + 1
        begins = np.repeat(np.cumsum(counts) - counts, counts)
        within = np.arange(int(counts.sum())) - begins
        documents = index.document_index[np.repeat(first, counts) + within].astype(np.int64)
        starts = np.where(within == 0, np.repeat(start, counts), 0)
        is_last = within == np.repeat(counts - 1, counts)
        ends = np.where(is_last, np.repeat(end, counts) + self.extra, self.lengths[source][documents])
        held = ends > starts
        every = Pieces(
            row=np.repeat(rows, counts), source=np.full_like(documents, source), document=documents, start=starts, end=ends
        )
        return Pieces(**{name: values[held] for name, values in vars(every).items()})

    @cached_property
    def _normal(self) -> tuple[float, ...]:
        weights = np.array(self.weights, dtype=np.float64)
        return tuple((weights / np.sum(weights)).tolist())

    @property
    def _sizes(self) -> list[int]:
        return [math.ceil((self.samples or 0) * weight) for weight in self._normal]

    def _build(self, lengths: np.ndarray, indices: np.ndarray, samples: int | None) -> dict[str, np.ndarray]:
        index = build_gpt_index(
            lengths, indices, sequence_length=self.sequence_length, samples=samples, seed=self.seed, extra=self.extra,
            drop_last=self.drop_last,
        )  # fmt: skip
        return dict(vars(index))

    def _kept(self, description: str, build: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """What `build` makes, or what it made before under this description."""
        if self.cache is None:
            return build()
        return kept(self.cache / hashlib.sha256(description.encode()).hexdigest()[:32], build)


def _blend(weights: list[float], size: int) -> dict[str, np.ndarray]:
    chosen, ordinal = blending_indices(weights, size)
    return {"chosen": chosen, "ordinal": ordinal}


def _digest(lengths: np.ndarray, indices: np.ndarray) -> str:
    joined = hashlib.sha256(np.ascontiguousarray(lengths).tobytes())
    joined.update(np.ascontiguousarray(indices).tobytes())
    return joined.hexdigest()
