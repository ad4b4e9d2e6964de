"""Texts -> the tokenizer that they are written with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_pipeline.held_out import rank_of
from data_pipeline.tokenize.encoder import load_encoder, train_encoder
from data_pipeline.tokenize.fast import fastest
from data_pipeline.tokenize.sample import Sampler, distinct_lines
from data_pipeline.tokenize.section import TokenizerSection, library
from data_pipeline.work import Job, Output, Tick
from data_pipeline.work.texts import read_texts

_CHECKED = 64  # texts on which a faster encoder must agree


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
        sampler = Sampler(self.limit)
        for document in read_texts(self.texts.path("texts.arrow"), self.source):
            rank = rank_of(document, self.seed)
            if rank >= self.held_out:
                sampler.add(rank, document.id, document.text)
        sampler.write(folder / "sample.jsonl.zst")
        return {}


@dataclass(frozen=True, kw_only=True)
class Train(Job):
    """The tokenizer of the mixture: trained on the samples of each source in turn, or read from its file."""

    asked: TokenizerSection
    samples: tuple[tuple[str, int, tuple[Output, ...]], ...]
    """(source, its bytes, the samples of its blocks)"""
    said: dict[str, Any]
    hasten: bool
    """Whether there is enough text for a faster encoder to be worth its check; it gives the same ids."""

    def signature(self) -> dict[str, Any]:
        samples = [[name, limit, [each.digest() for each in outputs]] for name, limit, outputs in self.samples]
        return {"said": self.said, "samples": samples, "hasten": self.hasten, "library": library()}

    def run(self, folder: Path, tick: Tick) -> dict[str, Any]:
        asked = self.asked
        texts = list(distinct_lines(list(self._texts())) if asked.dedup_lines else self._texts())
        if asked.file is not None:
            encoder = load_encoder(Path(asked.file), asked.end)
        else:
            assert asked.train is not None
            assert asked.vocab_size is not None
            encoder = train_encoder(asked.train, texts, asked.vocab_size)
        (folder / "tokenizer.json").write_text(encoder.to_json(), "utf-8")
        fast = fastest(encoder, texts[:_CHECKED])[1] if self.hasten else None
        return {
            "vocab_size": encoder.vocab_size, "end_id": encoder.end_id, "end": encoder.tokenizer.id_to_token(encoder.end_id),
            "sample_bytes": sum(len(text.encode()) for text in texts), "fast": vars(fast) if fast else None,
        }  # fmt: skip

    def _texts(self) -> Iterator[str]:
        for _, limit, outputs in self.samples:
            sampler = Sampler(limit)
            sampler.merge(Sampler.read(each.path("sample.jsonl.zst")) for each in outputs)
            yield from sampler.texts()
