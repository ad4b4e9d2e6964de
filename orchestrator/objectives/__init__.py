"""What training minimises: one file per objective, named on the page by its file name.

An objective knows how token rows become a batch and how a batch becomes a loss. It knows nothing of
devices, ranks or engines, so the same file serves all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

Batch = dict[str, torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class LossReport:
    """loss: scalar with its graph, the mean over `tokens` targets. terms: detached scalars to log."""

    loss: torch.Tensor
    tokens: int
    terms: dict[str, torch.Tensor] = field(default_factory=dict)


class Objective(Protocol):
    """Made from the `training` section of a page by `from_training`."""

    @classmethod
    def from_training(cls, training: Any) -> Objective: ...

    def collate(self, tokens: torch.Tensor) -> Batch:
        """tokens [b, s + 1] int64 -> the tensors one micro-batch needs, on the CPU."""

    def loss(self, model: torch.nn.Module, batch: Batch) -> LossReport:
        """Runs `model` on `batch` (both on one device)."""
