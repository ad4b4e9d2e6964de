"""Samples as tensors: their tokens, and where one document of a sample ends and the next begins."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True)
class Samples:
    """n samples of sequence length s.

    tokens     int64[n, s + 1]
    documents  int32[n, s + 1], the document of each token, counted from 0 in each sample; None where attention
               may look from one document into another
    """

    tokens: torch.Tensor
    documents: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, rows: slice) -> Samples:
        return Samples(tokens=self.tokens[rows], documents=None if self.documents is None else self.documents[rows])

    def split(self, size: int) -> list[Samples]:
        """Micro-batches of `size` samples, the last one of what is left."""
        return [self[first : first + size] for first in range(0, len(self), size)]
