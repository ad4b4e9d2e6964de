"""Samples as tensors: their tokens, where one document of a sample ends and the next begins, and what is padding."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True)
class Samples:
    """n samples of sequence length s.

    tokens     int64[n, s + 1]
    documents  int32[n, s + 1], the document of each token, counted from 0 in each sample; None where attention
               may look from one document into another
    filled     int64[n], tokens of each sample that are no padding, from its begin; None where all are
    """

    tokens: torch.Tensor
    documents: torch.Tensor | None = None
    filled: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, rows: slice) -> Samples:
        return Samples(tokens=self.tokens[rows], documents=_of(self.documents, rows), filled=_of(self.filled, rows))

    def split(self, size: int) -> list[Samples]:
        """Micro-batches of `size` samples, the last one of what is left."""
        return [self[first : first + size] for first in range(0, len(self), size)]

    def weights(self, scale: float) -> torch.Tensor | None:
        """float32[n, s]: `scale` where the next token is one of the sample, 0 where it is padding; None without padding."""
        if self.filled is None:
            return None
        return (torch.arange(1, self.tokens.shape[1]) < self.filled[:, None]).float() * scale


def _of(values: torch.Tensor | None, rows: slice) -> torch.Tensor | None:
    return None if values is None else values[rows]
