"""Texts -> shards: exact copies dropped, tokenized, held out or not, and on record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from data_pipeline.build.cleaning import Decided, applied, by_document
from data_pipeline.clean import StepTally
from data_pipeline.documents import Document
from data_pipeline.files import write_file
from data_pipeline.held_out import hold_out
from data_pipeline.mixture import Mixture
from data_pipeline.progress import Ticked
from data_pipeline.shards import ShardWriter, token_dtype
from data_pipeline.sources import Source
from data_pipeline.tokenize.encoder import Encoder, load_encoder
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
            "end": self.tokenizer.facts["end"], "held_out": [self.held_out, self.seed, self.first],
        }  # fmt: skip

    def run(self, folder: Path, tick: Tick) -> dict[str, Any]:
        encoder = load_encoder(self.tokenizer.path("tokenizer.json"), self.tokenizer.facts["end"])
        dtype = token_dtype(encoder.vocab_size)
        tally = StepTally(step=self.copies.step.step)
        counted = _Counted()
        splits = {name: SplitWriter(folder / name, dtype) for name in ("train", "validation")}
        encoded = _encoded(self._distinct(tally), encoder)
        for split, document, ids in hold_out(encoded, fraction=self.held_out, seed=self.seed, one_at_least=self.first):
            splits[split].add(document, ids)
            counted.add(document, ids)
            if counted.documents % _BATCH == 0:
                tick(Ticked(self.title, **counted.came_to(tally)))
        for writer in splits.values():
            writer.close()
        return {
            "copies": tally.facts(),
            **{name: {"documents": each.documents, "tokens": each.tokens, "shards": each.shards} for name, each in splits.items()},
            **counted.facts(), "came_to": counted.came_to(tally),
        }  # fmt: skip

    def _distinct(self, tally: StepTally) -> Iterator[Document]:
        marks = by_document(self.copies.marks.about(self.copies.number), self.texts.facts["documents"])
        marked = zip(read_texts(self.texts.path("texts.arrow"), self.source.name), marks, strict=True)
        return applied(marked, self.copies.step.marked(self.source.language), tally)


def _encoded(documents: Iterator[Document], encoder: Encoder) -> Iterator[tuple[Document, np.ndarray]]:
    while batch := list(islice(documents, _BATCH)):
        yield from zip(batch, encoder.encode([document.text for document in batch]), strict=True)


@dataclass
class _Counted:
    documents: int = 0
    bytes: int = 0
    characters: int = 0
    words: int = 0
    lengths: list[int] = field(default_factory=list)

    def add(self, document: Document, ids: np.ndarray) -> None:
        self.documents += 1
        self.bytes += len(document.text.encode())
        self.characters += len(document.text)
        self.words += len(document.text.split())
        size = int(ids.size).bit_length()
        self.lengths += [0] * (size + 1 - len(self.lengths))
        self.lengths[size] += 1

    def came_to(self, copies: StepTally) -> dict[str, Any]:
        """The numbers of a `Ticked`."""
        return {"documents": copies.read, "bytes": self.bytes, "kept": self.documents, "dropped": dict(copies.dropped)}

    def facts(self) -> dict[str, Any]:
        return {"documents": self.documents, **{name: getattr(self, name) for name in ("bytes", "characters", "words", "lengths")}}


class SplitWriter:
    """The shards of one split of one block, and beside each a line for every document in it."""

    def __init__(self, prefix: Path, dtype: np.dtype[Any]) -> None:
        self.documents = 0
        self.tokens = 0
        self.shards = 0
        self._prefix = prefix
        self._dtype = dtype
        self._shard: ShardWriter | None = None
        self._lines: list[str] = []

    def add(self, document: Document, ids: np.ndarray) -> None:
        if self._shard is None:
            self._shard = ShardWriter(self._prefix.with_name(f"{self._prefix.name}-{self.shards}"), self._dtype)
        self._shard.add(ids)
        digest = hashlib.blake2b(document.text.encode(), digest_size=16).hexdigest()
        line = {"id": document.id, "source": document.source, "tokens": int(ids.size), "hash": digest}
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
        self.shards += 1
        self._shard, self._lines = None, []
