"""The orders that samples can be read in, each as pieces of the sources' streams."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_pipeline.order import SampleOrder
from data_pipeline.stored.reader import Pieces


@dataclass(frozen=True)
class Windows:
    """The project's own order: a sample is one window of its source."""

    order: SampleOrder

    def pieces(self, indices: np.ndarray) -> Pieces:
        source, epoch, start = self.order.locate(indices)
        length = self.order.lengths(indices) + 1
        return Pieces(sample=np.arange(len(start)), source=source, epoch=epoch, start=start, length=length)


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
