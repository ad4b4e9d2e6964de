"""Texts -> the tokenizer that they are written with."""

from __future__ import annotations

import heapq
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_pipeline.held_out import rank_of
from data_pipeline.mixture import Mixture
from data_pipeline.tokenize.encoder import load_encoder, train_encoder
from data_pipeline.work import Job, Output, Tick
from data_pipeline.work.texts import read_texts

_LONGEST = 2**20  # characters of one document that the tokenizer is trained on


@dataclass(frozen=True, kw_only=True)
class Sample(Job):
    """The texts of a block that may be trained on with the smallest hashes, up to `limit` bytes."""

    texts: Output
    source: str
    limit: int
    held_out: float
    seed: int

    def signature(self) -> dict[str, Any]:
        texts = self.texts.digest("texts.arrow")
        return {"texts": texts, "source": self.source, "limit": self.limit, "held_out": self.held_out, "seed": self.seed}

    def run(self, folder: Path, tick: Tick) -> dict[str, Any]:
        kept: list[tuple[float, str, str]] = []
        total = 0
        for document in read_texts(self.texts.path("texts.arrow"), self.source):
            rank = rank_of(document, self.seed)
            if rank < self.held_out:
                continue
            text = document.text[:_LONGEST]
            total += len(text.encode())
            heapq.heappush(kept, (-rank, document.id, text))
            while total > self.limit and len(kept) > 1:
                total -= len(heapq.heappop(kept)[2].encode())
        rows = [[-rank, name, text] for rank, name, text in sorted(kept, reverse=True)]
        (folder / "sample.json").write_text(json.dumps(rows), "utf-8")
        return {"bytes": total}


@dataclass(frozen=True, kw_only=True)
class Train(Job):
    """The tokenizer of the mixture: trained on samples, `limits` bytes of each source, or read from its file."""

    mixture: Mixture
    samples: tuple[tuple[str, Output], ...]
    limits: dict[str, int]
    said: dict[str, Any]

    def signature(self) -> dict[str, Any]:
        return {"said": self.said, "limits": self.limits, "samples": [[name, each.digest()] for name, each in self.samples]}

    def run(self, folder: Path, tick: Tick) -> dict[str, Any]:
        asked = self.mixture.tokenizer
        size = 0
        if asked.file is not None:
            encoder = load_encoder(Path(asked.file), asked.end)
        else:
            assert asked.train is not None
            assert asked.vocab_size is not None
            texts = [text for name in self.limits for text in self._texts(name)]
            size = sum(len(text) for text in texts)
            encoder = train_encoder(asked.train, texts, asked.vocab_size)
        (folder / "tokenizer.json").write_text(encoder.to_json(), "utf-8")
        return {"vocab_size": encoder.vocab_size, "end_id": encoder.end_id, "end": encoder.tokenizer.id_to_token(encoder.end_id), "characters": size}

    def _texts(self, source: str) -> list[str]:
        rows = [row for name, each in self.samples if name == source for row in json.loads(each.path("sample.json").read_bytes())]
        kept: list[str] = []
        total = 0
        for _, _, text in sorted(rows):
            total += len(text.encode())
            if total > self.limits[source] and kept:
                break
            kept.append(text)
        return kept
