"""The orders that samples can be read in, each as pieces of the sources' streams."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from data_pipeline.blend import StageSection, stages_of
from data_pipeline.order import Admission, SampleOrder
from data_pipeline.order.forecast import epochs_reached
from data_pipeline.order.megatron import MegatronOrder
from data_pipeline.prepared import Prepared
from data_pipeline.stored.packed import Packed, PackedSource
from data_pipeline.stored.reader import Order, Pieces
from data_pipeline.stored.storage import Storage
from data_pipeline.stored.stream import Stream
from orchestrator.errors import DataError

LARGEST_SEED = 2**32 - 1
"""Of numpy's RandomState, by which Megatron shuffles."""


@dataclass(frozen=True)
class Windows:
    """The project's own order: a sample is one window of its source."""

    samples: SampleOrder

    def pieces(self, indices: np.ndarray) -> Pieces:
        source, epoch, start = self.samples.locate(indices)
        length = self.samples.lengths(indices) + 1
        return Pieces(sample=np.arange(len(start)), source=source, epoch=epoch, start=start, length=length)

    def filled(self, indices: np.ndarray) -> None:
        """Windows are full."""

    def find(self, source: int, start: int, end: int, samples: int) -> np.ndarray:
        found = self.samples.find(source, start, end, epochs=epochs_reached(self.samples, source, samples))
        return found[found < samples]


@dataclass(frozen=True, kw_only=True)
class Listed:
    """Windows of `length` tokens that are listed: sample i is the i-th."""

    source: np.ndarray
    start: np.ndarray
    length: int

    def pieces(self, indices: np.ndarray) -> Pieces:
        numbers = np.arange(len(indices))
        return Pieces(
            sample=numbers, source=self.source[indices], epoch=np.zeros_like(numbers), start=self.start[indices],
            length=np.full_like(numbers, self.length),
        )  # fmt: skip

    def filled(self, indices: np.ndarray) -> None:
        """Windows are full."""

    def find(self, source: int, start: int, end: int, samples: int) -> np.ndarray:
        holds = (self.source == source) & (self.start < end) & (self.start + self.length > start)
        return np.flatnonzero(holds[:samples])


@dataclass(frozen=True, kw_only=True)
class Documents:
    """Megatron's order: a sample is parts of documents, each found by its number among all of its source."""

    samples: MegatronOrder
    starts: tuple[np.ndarray, ...]
    """int64[documents] for each source: first token of every document in the stream."""

    def pieces(self, indices: np.ndarray) -> Pieces:
        found = self.samples.locate(indices)
        start = found.start.copy()
        for source in np.unique(found.source).tolist():
            chosen = found.source == source
            start[chosen] += self.starts[source][found.document[chosen]]
        return Pieces(
            sample=found.row, source=found.source, epoch=np.zeros_like(found.row), start=start, length=found.end - found.start
        )

    def filled(self, indices: np.ndarray) -> None:
        """Megatron's samples are full."""

    def find(self, source: int, start: int, end: int, samples: int) -> np.ndarray:
        """By looking through the index of the source: Megatron's order has no inverse."""
        index, starts = self.samples.sources[source], self.starts[source]
        first, last = np.searchsorted(starts, (start, end - 1), side="right") - 1
        places = np.flatnonzero((index.document_index >= first) & (index.document_index <= last))
        begins = index.sample_index[:, 0]
        rows = [np.arange(low, high) for low, high in zip(
            np.searchsorted(begins[1:], places, side="left").tolist(), np.searchsorted(begins[:-1], places, side="right").tolist(),
            strict=True,
        )]  # fmt: skip
        found = np.flatnonzero(np.isin(index.shuffle_index, np.concatenate([*rows, np.empty(0, np.int64)])))
        if self.samples.blend is not None:
            dataset, ordinal = self.samples.blend
            found = np.flatnonzero((dataset == source) & np.isin(ordinal, found))
        found = found[found < samples]
        pieces = self.pieces(found)
        holds = (pieces.start < end) & (pieces.start + pieces.length > start)
        return found[np.unique(pieces.sample[holds])]


def order_of(
    name: Literal["megatron"] | None, prepared: Prepared, storage: Storage, *, sequence_length: int, seed: int, samples: int,
    batch: int, packing: Literal["best_fit"] | None = None, cache: Path | None = None,
) -> Order:
    """The order that a run page names, for a run of `samples` samples in batches of `batch`.

    packing: how documents are put into samples, None for one stream that is cut. cache: where what is built is kept.
    """
    if packing is not None:
        return packed_order(prepared, storage, sequence_length=sequence_length, seed=seed, batch=batch, cache=cache)
    if name is not None:
        return megatron_order(prepared, storage, sequence_length=sequence_length, seed=seed, samples=samples, cache=cache)
    return own_order(prepared, sequence_length=sequence_length, seed=seed, batch=batch)


def require_enough(order: Order, samples: int) -> None:
    """Raises DataError where an order ends before a run of so many samples: its sources have reached their caps."""
    if isinstance(order, Windows | Packed) and order.samples.samples is not None and order.samples.samples < samples:
        raise DataError(f"the run takes {samples:,} samples, and {order.samples.why_it_ends}")


def own_order(prepared: Prepared, *, sequence_length: int, seed: int, batch: int = 1) -> Windows:
    """Decided by the data, the mixture's schedule and the seed. Stages that end at tokens end with a batch.

    A source that was weighed by its tokens, and has too few for one sample, is left out.
    """
    tokens = tuple(source.train_tokens for source in prepared.sources)
    return Windows(_own_order(prepared, prepared.admitted, tokens, sequence_length=sequence_length, seed=seed, batch=batch))


def packed_order(
    prepared: Prepared, storage: Storage, *, sequence_length: int, seed: int, batch: int = 1, cache: Path | None = None
) -> Packed:
    """The same of whole documents, packed into samples of at most `sequence_length` + 1 tokens. Weights count samples.

    cache: where packings are kept. Raises DataError where stages have sequence lengths of their own.
    """
    lengths = sorted({stage.sequence_length or sequence_length for stage in stages_said(prepared)} - {sequence_length})
    if lengths:
        told = f"mixture {prepared.name!r} has stages with sequences of {', '.join(f'{length:,}' for length in lengths)} tokens"
        fix = "leave data.packing out, or sequence_length out of the mixture's schedule"
        raise DataError(f"{told}, and documents are packed into samples of one length, here {sequence_length:,}; {fix}")
    sources = tuple(
        PackedSource(Stream(prepared, storage, source.name, "train"), sequence_length + 1, cache) for source in prepared.sources
    )
    tokens = tuple(len(source) * sequence_length + 1 if len(source) else 0 for source in sources)
    whole = (Admission(tokens=tokens, complete=(True,) * len(tokens)),)
    samples = _own_order(prepared, whole, tokens, sequence_length=sequence_length, seed=seed, batch=batch)
    return Packed(samples=samples, sources=sources)


def _own_order(
    prepared: Prepared, admissions: tuple[Admission, ...], tokens: tuple[int, ...], *, sequence_length: int, seed: int, batch: int
) -> SampleOrder:
    said = stages_said(prepared)
    longest = max([sequence_length, *(stage.sequence_length or 0 for stage in said)])
    names = tuple(source.name for source in prepared.sources)
    enough = [source.said or each > longest for source, each in zip(prepared.sources, tokens, strict=True)]
    weights = [source.weight if able else 0.0 for source, able in zip(prepared.sources, enough, strict=True)]
    return SampleOrder(
        admissions=admissions,
        stages=stages_of(said, names=names, weights=weights, sequence_length=sequence_length, batch=batch),
        seed=seed,
        fingerprint=prepared.fingerprint,
        names=names,
        caps=tuple(source.max_epochs for source in prepared.sources),
    )


def stages_said(prepared: Prepared) -> tuple[StageSection, ...]:
    """The schedule of the mixture's page, as it was prepared."""
    return tuple(StageSection.model_validate(stage) for stage in prepared.schedule)


def megatron_order(
    prepared: Prepared, storage: Storage, *, sequence_length: int, seed: int, samples: int, cache: Path | None
) -> Documents:
    """That of Megatron-LM's GPTDataset, or of its blend of several, on the same shards for so many samples."""
    if seed > LARGEST_SEED:
        raise DataError(f"Megatron's order takes seeds up to {LARGEST_SEED:,}, found {seed:,}; choose a smaller one")
    capped = [source.name for source in prepared.sources if source.max_epochs is not None]
    if prepared.schedule or capped:
        what = f"max_epochs (of {', '.join(capped)})" if capped else "schedule"
        raise DataError(f"Megatron's order knows no {what}, which mixture {prepared.name!r} has; leave data.order out, or the {what}")
    streams = [Stream(prepared, storage, source.name, "train") for source in prepared.sources]
    lengths = tuple(np.concatenate([stream.index(shard).lengths() for shard in range(len(stream.shards))]) for stream in streams)
    order = MegatronOrder(
        lengths=lengths,
        indices=tuple(np.arange(len(each), dtype=np.int32) for each in lengths),
        weights=tuple(source.weight for source in prepared.sources) if len(streams) > 1 else None,
        sequence_length=sequence_length,
        samples=samples,
        seed=seed,
        cache=cache,
    )
    return Documents(samples=order, starts=tuple(np.cumsum(each, dtype=np.int64) - each for each in lengths))
