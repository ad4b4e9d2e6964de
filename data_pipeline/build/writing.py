"""Texts -> shards: exact copies dropped, tokenized, held out or not, and on record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from data_pipeline.build.cleaning import Decided, applied, by_document
from data_pipeline.clean import StepTally
from data_pipeline.documents import Document
from data_pipeline.held_out import hold_out
from data_pipeline.mixture import Mixture
from data_pipeline.progress import Ticked
from data_pipeline.shards import ShardWriter, token_dtype
from data_pipeline.sidecar import DocumentFacts, SidecarWriter
from data_pipeline.sources import Source
from data_pipeline.tokenize.encoder import Encoder, load_encoder
from data_pipeline.tokenize.fast import hastened
from data_pipeline.tokenize.fertility import Fertility
from data_pipeline.tokenize.section import library
from data_pipeline.work import Job, Output, Tick
from data_pipeline.work.texts import read_texts

TOKENS_PER_SHARD = 2**28
_BATCH = 256  # documents encoded together


@dataclass(frozen=True, kw_only=True)
class Write(Job):
    """The shards of one block: `train-0.bin`, `.idx` and so on, `validation-0...`; `first` of its source or not."""

    texts: Output
    source: Source
    copies: Decided
    tokenizer: Output
    held_out: float
    seed: int
    first: bool

    @staticmethod
    def of(title: str, texts: Output, source: Source, copies: Decided, tokenizer: Output, mixture: Mixture, first: bool) -> Write:
        return Write(
            title=title, texts=texts, source=source, copies=copies, tokenizer=tokenizer, held_out=mixture.validation.fraction,
            seed=mixture.seed, first=first,
        )  # fmt: skip

    def signature(self) -> dict[str, Any]:
        return {
            "texts": self.texts.digest("texts.arrow"), "source": [self.source.name, self.source.language, self.source.licence],
            "copies": self.copies.signature(), "tokenizer": self.tokenizer.digest("tokenizer.json"),
            "end": self.tokenizer.facts["end"], "library": library(), "held_out": [self.held_out, self.seed, self.first],
        }  # fmt: skip

    def run(self, folder: Path, tick: Tick) -> dict[str, Any]:
        facts = self.tokenizer.facts
        encoder = load_encoder(self.tokenizer.path("tokenizer.json"), facts["end"])
        if facts["fast"] and facts["fast"]["used"]:
            encoder = hastened(encoder)
        dtype = token_dtype(encoder.vocab_size)
        tally = StepTally(step=self.copies.step.step)
        counted = _Counted()
        splits = {name: SplitWriter(folder / name, dtype, self.source) for name in ("train", "validation")}
        encoded = _encoded(self._distinct(tally), encoder)
        for split, document, ids in hold_out(encoded, fraction=self.held_out, seed=self.seed, one_at_least=self.first):
            splits[split].add(document, ids)
            counted.add(document, ids)
            if counted.fertility.documents % _BATCH == 0:
                tick(Ticked(self.title, **counted.came_to(tally)))
        for writer in splits.values():
            writer.close()
        return {
            "copies": tally.facts(),
            **{name: {"documents": each.documents, "tokens": each.tokens, "shards": each.shards} for name, each in splits.items()},
            **counted.facts(), "came_to": counted.came_to(tally),
        }  # fmt: skip

    def _distinct(self, tally: StepTally) -> Iterator[Document]:
        marks = by_document(self.copies.marks.read(), self.texts.facts["documents"])
        marked = zip(read_texts(self.texts.path("texts.arrow"), self.source.name), marks, strict=True)
        return applied(marked, self.copies.step.marked(self.source.language), tally)


def _encoded(documents: Iterator[Document], encoder: Encoder) -> Iterator[tuple[Document, np.ndarray]]:
    while batch := list(islice(documents, _BATCH)):
        yield from zip(batch, encoder.encode([document.text for document in batch]), strict=True)


@dataclass
class _Counted:
    fertility: Fertility = field(default_factory=Fertility)
    lengths: list[int] = field(default_factory=list)

    def add(self, document: Document, ids: np.ndarray) -> None:
        self.fertility.count(document.text, ids.size)
        size = int(ids.size).bit_length()
        self.lengths += [0] * (size + 1 - len(self.lengths))
        self.lengths[size] += 1

    def came_to(self, copies: StepTally) -> dict[str, Any]:
        """The numbers of a `Ticked`."""
        counts = self.fertility
        return {"documents": copies.read, "bytes": counts.bytes, "kept": counts.documents, "dropped": dict(copies.dropped)}

    def facts(self) -> dict[str, Any]:
        counts = self.fertility
        return {**{name: getattr(counts, name) for name in ("documents", "bytes", "characters", "words")}, "lengths": self.lengths}


class SplitWriter:
    """The shards of one split of one block, and beside each what is known of its documents."""

    def __init__(self, prefix: Path, dtype: np.dtype[Any], source: Source) -> None:
        self.documents = 0
        self.tokens = 0
        self.shards = 0
        self._prefix = prefix
        self._dtype = dtype
        self._source = source
        self._shard: ShardWriter | None = None
        self._sidecar: SidecarWriter | None = None

    def add(self, document: Document, ids: np.ndarray) -> None:
        if self._shard is None or self._sidecar is None:
            prefix = self._prefix.with_name(f"{self._prefix.name}-{self.shards}")
            self._shard, self._sidecar = ShardWriter(prefix, self._dtype), SidecarWriter(prefix)
        self._sidecar.add(_facts_of(document, self._source, start=self._shard.tokens, tokens=int(ids.size)))
        self._shard.add(ids)
        self.documents += 1
        self.tokens += int(ids.size)
        if self._shard.tokens >= TOKENS_PER_SHARD:
            self.close()

    def close(self) -> None:
        if self._shard is None or self._sidecar is None:
            return
        self._shard.close()
        self._sidecar.close()
        self.shards += 1
        self._shard = self._sidecar = None


def _facts_of(document: Document, source: Source, *, start: int, tokens: int) -> DocumentFacts:
    meta = document.meta
    return DocumentFacts(
        id=document.id, source=document.source, hash=hashlib.blake2b(document.text.encode(), digest_size=16).hexdigest(),
        tokens=tokens, start=start, path=_text(meta, "path"), licence=_text(meta, "license", "licence") or source.licence,
        language=_text(meta, "language") or source.language, changed_by=document.changed, meta=meta,
    )  # fmt: skip


def _text(meta: Mapping[str, object], *names: str) -> str | None:
    return next((value for name in names if isinstance(value := meta.get(name), str)), None)
