"""Next-token prediction, with the z-loss of PaLM where the page asks for it.

Row i of a batch holds s + 1 tokens; the model reads the first s and is scored on the last s, so that no
position is wasted and sequence length stays a round number. The loss is computed in fp32 whatever the
model computes in: a bf16 softmax over a large vocabulary loses the digits that are being compared.

Where samples end in padding, targets have weights: 0 for padding, positions / targets of the whole step for the others. The mean
over all positions is then the mean over targets, and engines go on averaging over micro-batches and ranks of one shape.

The auxiliary term z_loss * mean(log(Z)^2), Z the softmax normaliser, keeps logits from drifting
(PaLM, arXiv:2204.02311, section 5, with coefficient 1e-4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from orchestrator.objectives import Batch, Logits, LossReport, WholeLogits
from orchestrator.registry import OBJECTIVES


@OBJECTIVES.register
@dataclass(frozen=True, kw_only=True)
class CausalLM:
    """Mean cross-entropy of the next token, plus z_loss times the mean squared log-normaliser."""

    z_loss: float = 0.0

    @classmethod
    def from_training(cls, training: Any) -> CausalLM:
        return cls(z_loss=training.z_loss)

    def collate(
        self, tokens: torch.Tensor, documents: torch.Tensor | None = None, weights: torch.Tensor | None = None
    ) -> Batch:
        """tokens [b, s + 1] -> input_ids [b, s], labels [b, s]; with documents [b, s + 1], also those of the inputs, [b, s];
        with weights [b, s], also these."""
        batch = {"input_ids": tokens[:, :-1].contiguous(), "labels": tokens[:, 1:].contiguous()}
        if documents is not None:
            batch["documents"] = documents[:, :-1].contiguous()
        if weights is not None:
            batch["weights"] = weights
        return batch

    def loss(self, model: torch.nn.Module, batch: Batch) -> LossReport:
        """A `transformers` model keeps documents apart where their positions begin again at 0 (its `masking_utils`)."""
        apart = {"position_ids": positions_of(batch["documents"])} if "documents" in batch else {}
        return self.score(WholeLogits(model(input_ids=batch["input_ids"], use_cache=False, **apart).logits), batch)

    def score(self, logits: Logits, batch: Batch) -> LossReport:
        labels = batch["labels"]
        loss = _mean(logits.cross_entropy(labels), batch)
        terms = {"cross_entropy": loss.detach()}
        if self.z_loss:
            penalty = self.z_loss * _mean(logits.log_normaliser().square(), batch)
            terms["z_loss"] = penalty.detach()
            loss = loss + penalty
        return LossReport(loss=loss, tokens=labels.numel(), terms=terms)


def _mean(values: torch.Tensor, batch: Batch) -> torch.Tensor:
    """[b, s] -> the mean over all positions, each times its weight where the batch has weights."""
    return (values * batch["weights"]).mean() if "weights" in batch else values.mean()


def positions_of(documents: torch.Tensor) -> torch.Tensor:
    """[0, 0, 0, 1, 1] -> [0, 1, 2, 0, 1]: places counted from the first token of each document in the row; [b, s]."""
    places = torch.arange(documents.shape[1], device=documents.device).expand_as(documents)
    begins = torch.ones_like(documents, dtype=torch.bool)
    begins[:, 1:] = documents[:, 1:] != documents[:, :-1]
    return places - torch.where(begins, places, 0).cummax(dim=1).values
