"""What training minimises: one file per objective, named on the page by its file name.

An objective knows how token rows become a batch and how a batch becomes a loss. It knows nothing of
devices, ranks or engines, so the same file serves all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch.nn import functional

Batch = dict[str, torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class LossReport:
    """loss: scalar with its graph, the mean over `tokens` positions, each times its weight if the batch has any. terms: detached scalars to log."""

    loss: torch.Tensor
    tokens: int
    terms: dict[str, torch.Tensor] = field(default_factory=dict)


class Logits(Protocol):
    """Scores over a vocabulary, [b, s, V], which may lie in parts on several ranks."""

    def cross_entropy(self, labels: torch.Tensor) -> torch.Tensor:
        """labels [b, s] -> nats [b, s], fp32."""

    def log_normaliser(self) -> torch.Tensor:
        """log sum exp over the vocabulary, [b, s], fp32."""


class WholeLogits:
    """Logits that this process holds in one tensor. Computed with in fp32, whatever the model computes in."""

    def __init__(self, logits: torch.Tensor) -> None:
        self._logits_BSV = logits.float()

    def cross_entropy(self, labels: torch.Tensor) -> torch.Tensor:
        losses = functional.cross_entropy(self._logits_BSV.flatten(0, 1), labels.flatten(), reduction="none")
        return losses.view_as(labels)

    def log_normaliser(self) -> torch.Tensor:
        return self._logits_BSV.logsumexp(dim=-1)


class Objective(Protocol):
    """Made from the `training` section of a page by `from_training`."""

    @classmethod
    def from_training(cls, training: Any) -> Objective: ...

    def collate(
        self, tokens: torch.Tensor, documents: torch.Tensor | None = None, weights: torch.Tensor | None = None
    ) -> Batch:
        """tokens [b, s + 1] int64 -> the tensors one micro-batch needs, on the CPU.

        documents: the document of each token, [b, s + 1], where attention must stay inside documents. weights: of each target,
        [b, s] fp32, where samples have padding: 0 for it, and for the others what makes the mean over all positions of a
        step theirs.
        """

    def loss(self, model: torch.nn.Module, batch: Batch) -> LossReport:
        """Runs `model` on `batch` (both on one device)."""


class LogitsObjective(Objective, Protocol):
    """An objective of one forward pass and its logits: it can be trained where these lie in parts, or on another rank.

    Every tensor of its batch is [b, s].
    """

    def score(self, logits: Logits, batch: Batch) -> LossReport:
        """The loss of logits that a model gave for the batch's `input_ids`."""
