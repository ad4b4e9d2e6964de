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
        self._group, self._vocab = group, vocab
        part = logits.shape[-1]
        self._first = group.rank() * part
        valid = min(part, max(0, vocab - self._first))
        logits = logits.float()
        if valid < part:
            padding = torch.arange(part, device=logits.device) >= valid
            logits = logits.masked_fill(padding, float("-inf"))
        self._logits = logits
        self._normaliser: Tensor | None = None

    def cross_entropy(self, labels: Tensor) -> Tensor:
        """labels [b, s] -> nats [b, s], fp32."""
        local = labels.t() - self._first
        held = (local >= 0) & (local < self._logits.shape[-1])
        score = self._logits.gather(-1, local.where(held, torch.zeros_like(local))[..., None]).squeeze(-1)
        score = self._sum(score.masked_fill(~held, 0.0))
        return self.log_normaliser() - score.t()

    def log_normaliser(self) -> Tensor:
        """log sum exp over the vocabulary, [b, s], fp32."""
        if self._normaliser is None:
            with torch.no_grad():
                largest = self._logits.amax(dim=-1)
                distributed.all_reduce(largest, op=distributed.ReduceOp.MAX, group=self._group)
            exponentials = (self._logits - largest[..., None]).exp().sum(dim=-1)
            self._normaliser = (self._sum(exponentials).log() + largest).t()
        return self._normaliser

    def whole(self) -> Tensor:
        """All logits [b, s, V], without padding or gradient: for generation."""
        with torch.no_grad():
            rows = tensor_parallel.gather_from_tensor_model_parallel_region(self._logits, group=self._group)
        return rows[..., : self._vocab].transpose(0, 1)

    def _sum(self, part: Tensor) -> Tensor:
        return tensor_parallel.reduce_from_tensor_model_parallel_region(part, group=self._group)
