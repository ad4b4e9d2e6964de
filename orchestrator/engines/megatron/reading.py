"""The model as a function from tokens to logits, for generation: one collective call on all ranks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Read:
    """logits [b, s, vocabulary], fp32."""

    logits: Tensor


class Reader(torch.nn.Module):
    """Called as a Hugging Face module is.

    multiple: what the layout wants sequence lengths to be a multiple of; shorter ones are filled up behind, where a
        causal model does not look.
    """

    def __init__(self, read: Callable[[Tensor], Tensor], *, multiple: int) -> None:
        super().__init__()
        self._read = read
        self._multiple = multiple

    def forward(self, input_ids: Tensor, use_cache: bool = False) -> Read:
        """input_ids [b, s]; the same on every rank."""
        length = input_ids.shape[1]
        filled = functional.pad(input_ids, (0, -length % self._multiple))
        return Read(logits=self._read(filled)[:, :length])
