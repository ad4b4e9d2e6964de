"""The stages of preparation, over one stream of documents: reject, drop copies, encode, hold out, write.

Every document that goes in comes out somewhere: in a shard, or in the report under the reason why not.

Documents are held out by the hash of their id, so adding documents moves none from one side to the
other, and exact copies of a text are dropped first, so that nothing held out is trained on under
another id. A source whose ids all fall outside the held-out share still gives one: the smallest hash
seen so far waits in hand until a better one, or the end, comes.
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

from data_pipeline.mixture import Mixture
from data_pipeline.prepared import FORMAT, PreparedSource, Split, fingerprint_of, sha256_of
from data_pipeline.shards import ShardWriter, token_dtype
from data_pipeline.sources import Document, Rejected, Source
from data_pipeline.tokenize import Encoder, load_encoder, train_byte_bpe
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


def build(mixture: Mixture, folder: Path, progress: Progress) -> str:
    """Writes the whole prepared folder, `prepared.json` last; returns the fingerprint."""
    encoder = _make_encoder(mixture, progress)
    write_file(folder / "tokenizer.json", encoder.to_json())
    seen: set[bytes] = set()
    sources, report = [], {}
    for source in mixture.sources:
        prepared, report[source.name] = _write_source(mixture, source, encoder, folder, seen, progress)
        sources.append(prepared)
    if not any(source.validation_tokens for source in sources):
        raise DataError(
            f"mixture {mixture.name!r} has one document in each source, so none can be held out for validation; "
            "add a document, or cut a text into several with `separator`"
        )
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
    os.replace(partial, path)


def _make_encoder(mixture: Mixture, progress: Progress) -> Encoder:
    asked = mixture.tokenizer
    if asked.file is not None:
        return load_encoder(Path(asked.file), asked.end)
    assert asked.vocab_size is not None
    texts: list[str] = []
    for source in mixture.sources:
        progress(f"{source.name}: reading a sample for the tokenizer")
        texts += _sample(mixture, source, int(asked.sample * source.weight / sum(mixture.weights)))
    size = sum(len(text) for text in texts)
    progress(f"training a tokenizer of {asked.vocab_size:,} tokens on {format_count(size)} characters")
    return train_byte_bpe(texts, asked.vocab_size)


def _sample(mixture: Mixture, source: Source, limit: int) -> list[str]:
    """Training texts of the source with the smallest hashes, up to `limit` bytes."""
    kept: list[tuple[float, str, str]] = []
    total = 0
    for document in source.documents():
        if isinstance(document, Rejected) or (rank := _rank(mixture, document)) < mixture.validation.fraction:
            continue
        text = document.text[:_LONGEST_SAMPLE]
        total += len(text.encode())
        heapq.heappush(kept, (-rank, document.id, text))
        while total > limit and len(kept) > 1:
            total -= len(heapq.heappop(kept)[2].encode())
    return [text for _, _, text in sorted(kept, reverse=True)]


def _rank(mixture: Mixture, document: Document) -> float:
    """Uniform in [0, 1), a function of the mixture's seed and the document's source and id."""
    text = f"{mixture.seed}\n{document.source}\n{document.id}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2.0**64


def _write_source(
    mixture: Mixture, source: Source, encoder: Encoder, folder: Path, seen: set[bytes], progress: Progress
) -> tuple[PreparedSource, dict[str, Any]]:
    tally = _Tally()
    writers: dict[Split, _SplitWriter] = {
        split: _SplitWriter(folder / "shards" / source.name, split, token_dtype(encoder.vocab_size))
        for split in ("train", "validation")
    }
    try:
        documents = _distinct(source.documents(), seen, tally)
        for split, document, ids in _split(_encoded(documents, encoder), mixture):
            writers[split].add(document, ids)
    finally:
        for writer in writers.values():
            writer.close()
    train, held = writers["train"], writers["validation"]
    _check(source, tally, train, held)
    progress(
        f"{source.name}: {train.documents + held.documents:,} documents, {format_bytes(tally.text_bytes)}, "
        f"{format_count(train.tokens)} training tokens, {format_count(held.tokens)} held out"
    )
    if tally.rejected:
        first = tally.examples[0]
        progress(f"{source.name}: {tally.rejected:,} records rejected; the first: {first['where']}: {first['reason']}")
    facts = {
        **vars(tally),
        "train": {"documents": train.documents, "tokens": train.tokens},
        "validation": {"documents": held.documents, "tokens": held.tokens},
        "bytes_per_token": round(tally.text_bytes / (train.tokens + held.tokens), 3),
    }
    prepared = PreparedSource(
        name=source.name,
        weight=source.weight,
        train_tokens=train.tokens,
        validation_tokens=held.tokens,
        documents=train.documents + held.documents,
    )
    return prepared, facts


def _check(source: Source, tally: _Tally, train: _SplitWriter, held: _SplitWriter) -> None:
    if train.documents:
        return
    if held.documents:
        raise DataError(f"source {source.name!r}: all {held.documents} documents are held out; lower validation.fraction")
    why = f"{tally.rejected:,} records rejected, {tally.exact_copies:,} exact copies"
    first = f"; the first: {tally.examples[0]['where']}: {tally.examples[0]['reason']}" if tally.examples else ""
    raise DataError(f"source {source.name!r} gives no document ({why}{first})")


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


def _split(
    encoded: Iterator[tuple[Document, np.ndarray]], mixture: Mixture
) -> Iterator[tuple[Split, Document, np.ndarray]]:
    waiting: tuple[float, Document, np.ndarray] | None = None
    held = 0
    count = 0
    for count, (document, ids) in enumerate(encoded, start=1):  # noqa: B007  # read after the loop
        rank = _rank(mixture, document)
        if rank < mixture.validation.fraction:
            held += 1
            yield "validation", document, ids
        elif not held and (waiting is None or rank < waiting[0]):
            (document, ids), waiting = waiting[1:] if waiting else (None, None), (rank, document, ids)
            if document is not None:
                yield "train", document, ids
        else:
            yield "train", document, ids
    if waiting is not None:
        yield "validation" if count > 1 and not held else "train", *waiting[1:]


class _SplitWriter:
    """The shards of one split of one source, and beside each a line for every document in it."""

    def __init__(self, folder: Path, split: Split, dtype: np.dtype[Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.documents = 0
        self.tokens = 0
        self._prefix = folder / split
        self._dtype = dtype
        self._shards = 0
        self._shard: ShardWriter | None = None
        self._lines: list[str] = []

    def add(self, document: Document, ids: np.ndarray) -> None:
        if self._shard is None:
            self._shard = ShardWriter(self._prefix.with_name(f"{self._prefix.name}-{self._shards:05d}"), self._dtype)
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
