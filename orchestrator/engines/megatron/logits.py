"""Logits cut over the vocabulary, as objectives see them: cross-entropy and normaliser without the whole row.

A vocabulary of 250,880 in fp32 is a megabyte per position; gathering it on every tensor-parallel rank would undo
the cut. Both quantities need only two sums and one maximum per position from each rank.
"""

from __future__ import annotations

from typing import Any

import torch
from megatron.core import tensor_parallel
from torch import Tensor, distributed


class VocabularyParallelLogits:
    """logits [s, b, V / T] of this rank, in any dtype; rows from `vocab` on are padding and get no probability.

    Every rank of `group` must call the same methods in the same order.
    """

    def __init__(self, logits: Tensor, *, vocab: int, group: Any) -> None:
        self._logits, self._vocab, self._group = logits, vocab, group
        part = logits.shape[-1]
        self._first = group.rank() * part
        self._valid = min(part, max(0, vocab - self._first))
        self._normaliser: Tensor | None = None

    def cross_entropy(self, labels: Tensor) -> Tensor:
        """labels [b, s] -> nats [b, s], fp32."""
        self._normaliser, score = self._sums(labels.t())
        return self._normaliser - score

    def log_normaliser(self) -> Tensor:
        """log sum exp over the vocabulary, [b, s], fp32."""
        if self._normaliser is None:
            self._normaliser, _ = self._sums(torch.zeros(self._logits.shape[:-1], dtype=torch.long, device=self._logits.device))
        return self._normaliser

    def whole(self) -> Tensor:
        """All logits [b, s, V], fp32, without padding or gradient: for generation."""
        with torch.no_grad():
            rows = tensor_parallel.gather_from_tensor_model_parallel_region(self._logits.float(), group=self._group)
        return rows[..., : self._vocab].transpose(0, 1)

    def _sums(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        normaliser, score = _NormaliserAndScore.apply(self._logits, labels - self._first, self._valid, self._group)
        return normaliser.t(), score.t()


class _NormaliserAndScore(torch.autograd.Function):
    """log sum exp over all ranks' rows and the label's own logit, both [s, b] and fp32.

    In one function, so that nothing of the size of the logits is kept for the backward pass but the logits themselves, and
    so that p - 1 of a label is subtracted in fp32 before it is rounded to the logits' dtype.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor, valid: int, group: Any) -> tuple[Tensor, Tensor]:
        """labels [s, b], counted from this rank's first row; the first `valid` rows are no padding."""
        rows = logits.to(torch.float32, copy=True)
        rows[..., valid:] = float("-inf")
        held = (labels >= 0) & (labels < rows.shape[-1])
        labels = labels.where(held, torch.zeros_like(labels))[..., None]
        largest = rows.amax(dim=-1)
        distributed.all_reduce(largest, op=distributed.ReduceOp.MAX, group=group)
        score = rows.gather(-1, labels).squeeze(-1).masked_fill(~held, 0.0)
        sums = torch.stack([rows.sub_(largest[..., None]).exp_().sum(dim=-1), score])
        distributed.all_reduce(sums, group=group)
        normaliser = sums[0].log() + largest
        ctx.save_for_backward(logits, labels, held, normaliser)
        ctx.valid = valid
        return normaliser, sums[1]

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        of_normaliser, of_score = gradients
        logits, labels, held, normaliser = ctx.saved_tensors
        rows = logits.to(torch.float32, copy=True)
        rows.sub_(normaliser[..., None]).exp_().mul_(of_normaliser[..., None])
        rows.scatter_add_(-1, labels, (of_score * held)[..., None])
        rows[..., ctx.valid :] = 0.0
        return rows.to(logits.dtype), None, None, None
