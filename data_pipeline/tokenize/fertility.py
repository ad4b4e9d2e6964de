"""How many tokens a language costs: per word, per byte and per character.

A tokenizer learnt from too little of a language cuts its words into pieces, and a model pays for that in length and in
what it learns of the language; BLOOM compared these figures with those of monolingual tokenizers before it trained
(arXiv:2211.05100, section 3.2.2). Words are those of `measures/view.py`: what stands between white space, without the
punctuation around it, and in scripts without spaces each character.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from data_pipeline.measures.view import TextView
from data_pipeline.tokenize.encoder import Encoder

_BATCH = 256


@dataclass
class Fertility:
    """Counts of the documents seen; `tokens` without the ends of documents."""

    documents: int = 0
    tokens: int = 0
    words: int = 0
    bytes: int = 0
    characters: int = 0

    def count(self, text: str, tokens: int) -> None:
        """One document and how many tokens it became, its end included, as they are written."""
        self.documents += 1
        self.tokens += tokens - 1
        self.words += len(TextView(text).characters)
        self.bytes += len(text.encode())
        self.characters += len(text)

    def add(self, other: Fertility) -> None:
        for name, number in asdict(other).items():
            setattr(self, name, getattr(self, name) + number)

    def facts(self) -> dict[str, float | int]:
        """The counts, and tokens per word, byte and character; 0 where there are none of these."""
        per = {unit: self.tokens / max(getattr(self, f"{unit}s"), 1) for unit in ("word", "byte", "character")}
        return {**asdict(self), **{f"tokens_per_{unit}": round(figure, 4) for unit, figure in per.items()}}


def fertility(encoder: Encoder, texts: Iterable[str]) -> Fertility:
    """Encodes the texts and counts."""
    counted, waiting = Fertility(), []
    for text in texts:
        waiting.append(text)
        if len(waiting) == _BATCH:
            _count_all(counted, encoder, waiting)
            waiting = []
    _count_all(counted, encoder, waiting)
    return counted


def _count_all(counted: Fertility, encoder: Encoder, texts: list[str]) -> None:
    for text, ids in zip(texts, encoder.encode(texts), strict=True):
        counted.count(text, ids.size)
