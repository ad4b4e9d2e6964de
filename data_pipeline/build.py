"""The stages of preparation, over one stream of documents: reject, clean, drop copies, encode, hold out, write.

Every document that goes in comes out somewhere: in a shard, or in the report under the reason why not.

Exact copies of a text are dropped before anything is held out, else a held-out text would be trained on
under another id.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from data_pipeline.clean import StepTally, summary
from data_pipeline.held_out import hold_out, rank_of
from data_pipeline.mixture import Mixture
from data_pipeline.prepared import FORMAT, PreparedSource, fingerprint_of, sha256_of
from data_pipeline.reader import Reader
from data_pipeline.shards import ShardWriter, token_dtype
from data_pipeline.sources import Document, Rejected, Source
from data_pipeline.tokenize.encoder import Encoder, load_encoder, train_encoder
from orchestrator.errors import DataError
from orchestrator.units import format_bytes, format_count

Progress = Callable[[str], None]
TOKENS_PER_SHARD = 2**28
_BATCH = 256  # documents encoded together
_EXAMPLES = 20
_LONGEST_SAMPLE = 2**20  # characters of one document that the tokenizer is trained on


@dataclass
class _Tally:
    """What happened to the documents of one source."""

    read: int = 0
    text_bytes: int = 0
    exact_copies: int = 0
    rejected: int = 0
    examples: list[dict[str, str]] = field(default_factory=list)

    def reject(self, record: Rejected) -> None:
        self.rejected += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append({"where": record.where, "reason": record.reason})

    @property
    def first(self) -> str:
        example = self.examples[0] if self.examples else None
        return f"; the first: {example['where']}: {example['reason']}" if example else ""


def build(mixture: Mixture, folder: Path, progress: Progress) -> str:
    """Writes the whole prepared folder, `prepared.json` last; returns the fingerprint."""
    reader = Reader(mixture, folder)
    encoder = _make_encoder(mixture, reader, progress)
    write_file(folder / "tokenizer.json", encoder.to_json())
    stages = _Stages(mixture=mixture, reader=reader, encoder=encoder, folder=folder, progress=progress)
    sources, report = [], {}
    for source in mixture.sources:
        prepared, report[source.name] = _write_source(source, stages)
        sources.append(prepared)
    if not any(source.validation_tokens for source in sources):
        raise DataError(
            f"mixture {mixture.name!r} has one document in each source, so none can be held out for "
            "validation; add a document, or cut a text into several with `separator`"
        )
    reader.close()
    files = {
        path.relative_to(folder).as_posix(): (path.stat().st_size, sha256_of(path))
        for path in [folder / "tokenizer.json", *sorted(folder.glob("shards/*/*"))]
    }
    fingerprint = fingerprint_of(files, tuple(sources))
    write_file(folder / "report.json", json.dumps(report, indent=1, ensure_ascii=False))
    facts = {
        "format": FORMAT,
        "name": mixture.name,
        "fingerprint": fingerprint,
        "vocab_size": encoder.vocab_size,
        "end_id": encoder.end_id,
        "sources": [vars(source) for source in sources],
        "files": files,
    }
    write_file(folder / "prepared.json", json.dumps(facts, indent=1))
    return fingerprint


def write_file(path: Path, text: str) -> None:
    """Writes and forces to disk; appears under its name only when whole."""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


@dataclass(frozen=True, kw_only=True)
class _Stages:
    """What all sources of one preparation share; `seen` holds the digests of all texts so far."""

    mixture: Mixture
    reader: Reader
    encoder: Encoder
    folder: Path
    progress: Progress
    seen: set[bytes] = field(default_factory=set)


def _make_encoder(mixture: Mixture, reader: Reader, progress: Progress) -> Encoder:
    asked = mixture.tokenizer
    if asked.file is not None:
        return load_encoder(Path(asked.file), asked.end)
    assert asked.train is not None
    assert asked.vocab_size is not None
    texts: list[str] = []
    for source in mixture.sources:
        progress(f"{source.name}: reading a sample for the tokenizer")
        share = int(asked.sample * source.weight / sum(mixture.weights))
        texts += _sample(reader.documents(source), mixture, share)
    size = sum(len(text) for text in texts)
    progress(f"training a tokenizer of {asked.vocab_size:,} tokens on {format_count(size)} characters")
    encoder = train_encoder(asked.train, texts, asked.vocab_size)
    if encoder.vocab_size < asked.vocab_size:
        progress(f"the sample teaches no more than {encoder.vocab_size:,} tokens")
    return encoder


def _sample(records: Iterable[Document | Rejected], mixture: Mixture, limit: int) -> list[str]:
    """The texts that may be trained on with the smallest hashes, up to `limit` bytes."""
    kept: list[tuple[float, str, str]] = []
    total = 0
    for record in records:
        if (
            isinstance(record, Rejected)
            or (rank := rank_of(record, mixture.seed)) < mixture.validation.fraction
        ):
            continue
        text = record.text[:_LONGEST_SAMPLE]
        total += len(text.encode())
        heapq.heappush(kept, (-rank, record.id, text))
        while total > limit and len(kept) > 1:
            total -= len(heapq.heappop(kept)[2].encode())
    return [text for _, _, text in sorted(kept, reverse=True)]


def _write_source(source: Source, stages: _Stages) -> tuple[PreparedSource, dict[str, Any]]:
    tally = _Tally()
    dtype = token_dtype(stages.encoder.vocab_size)
    train = _SplitWriter(stages.folder / "shards" / source.name / "train", dtype)
    held = _SplitWriter(stages.folder / "shards" / source.name / "validation", dtype)
    try:
        documents = _distinct(stages.reader.documents(source), stages.seen, tally)
        encoded = _encoded(documents, stages.encoder)
        mixture = stages.mixture
        for split, document, ids in hold_out(
            encoded, fraction=mixture.validation.fraction, seed=mixture.seed
        ):
            (train if split == "train" else held).add(document, ids)
    finally:
        train.close()
        held.close()
    _check(source, tally, train, held, stages.reader.tallies.get(source.name, []))
    stages.progress(
        f"{source.name}: {train.documents + held.documents:,} documents, {format_bytes(tally.text_bytes)}, "
        f"{format_count(train.tokens)} training tokens, {format_count(held.tokens)} held out"
    )
    if tally.rejected:
        stages.progress(f"{source.name}: {tally.rejected:,} records rejected{tally.first}")
    tallies = stages.reader.tallies.get(source.name, [])
    for line in summary(tallies):
        stages.progress(f"{source.name}: {line}")
    facts = {
        **vars(tally),
        "train": {"documents": train.documents, "tokens": train.tokens},
        "validation": {"documents": held.documents, "tokens": held.tokens},
        "bytes_per_token": round(tally.text_bytes / (train.tokens + held.tokens), 3),
        **({"steps": [step.facts() for step in tallies]} if tallies else {}),
    }
    prepared = PreparedSource(
        name=source.name,
        weight=source.weight,
        train_tokens=train.tokens,
        validation_tokens=held.tokens,
        documents=train.documents + held.documents,
    )
    return prepared, facts


def _check(
    source: Source, tally: _Tally, train: _SplitWriter, held: _SplitWriter, steps: list[StepTally]
) -> None:
    if train.documents:
        return
    if held.documents:
        found = f"source {source.name!r}: all {held.documents} documents are held out"
        raise DataError(f"{found}; lower validation.fraction, or add documents")
    why = f"{tally.exact_copies:,} exact copies, {tally.rejected:,} records rejected{tally.first}"
    lost = [f"{number:,} by {step.step} ({reason})" for step in steps for reason, number in step.dropped.items()]
    why += f"; documents dropped: {', '.join(lost)}" if lost else ""
    raise DataError(f"source {source.name!r} gives no document ({why})")


def _distinct(stream: Iterable[Document | Rejected], seen: set[bytes], tally: _Tally) -> Iterator[Document]:
    for record in stream:
        if isinstance(record, Rejected):
            tally.reject(record)
            continue
        tally.read += 1
        text = record.text.encode()
        digest = hashlib.blake2b(text, digest_size=16).digest()
        if digest in seen:
            tally.exact_copies += 1
            continue
        seen.add(digest)
        tally.text_bytes += len(text)
        yield record


def _encoded(documents: Iterator[Document], encoder: Encoder) -> Iterator[tuple[Document, np.ndarray]]:
    while batch := list(islice(documents, _BATCH)):
        yield from zip(batch, encoder.encode([document.text for document in batch]), strict=True)


class _SplitWriter:
    """The shards of one split of one source, and beside each a line for every document in it."""

    def __init__(self, prefix: Path, dtype: np.dtype[Any]) -> None:
        prefix.parent.mkdir(parents=True, exist_ok=True)
        self.documents = 0
        self.tokens = 0
        self._prefix = prefix
        self._dtype = dtype
        self._shards = 0
        self._shard: ShardWriter | None = None
        self._lines: list[str] = []

    def add(self, document: Document, ids: np.ndarray) -> None:
        if self._shard is None:
            prefix = self._prefix.with_name(f"{self._prefix.name}-{self._shards:05d}")
            self._shard = ShardWriter(prefix, self._dtype)
        self._shard.add(ids)
        line = {"id": document.id, "source": document.source, "tokens": int(ids.size)}
        meta = {"meta": dict(document.meta)} if document.meta else {}
        self._lines.append(json.dumps({**line, **meta}, ensure_ascii=False, default=str))
        self.documents += 1
        self.tokens += int(ids.size)
        if self._shard.tokens >= TOKENS_PER_SHARD:
            self.close()

    def close(self) -> None:
        if self._shard is None:
            return
        self._shard.close()
        prefix = self._shard.prefix
        write_file(prefix.with_name(f"{prefix.name}.jsonl"), "".join(f"{line}\n" for line in self._lines))
        self._shards += 1
        self._shard, self._lines = None, []
