"""Losses of many micro-batches on many ranks as one number, with one synchronisation per step.

Asking a GPU for a number after each micro-batch stalls it. Sums stay on the device until the step's end;
then one small all-reduce adds those of all ranks.
"""

from __future__ import annotations

import torch
from torch import distributed

from orchestrator.objectives import LossReport


class Meter:
    """Token-weighted means of a loss and its terms.

    group: whose ranks `means` sums over (collective); None for this process alone.
    """

    def __init__(self, device: torch.device, *, group: distributed.ProcessGroup | None = None) -> None:
        self._device = device
        self._group = group
        self._sums: dict[str, torch.Tensor] = {}
        self.tokens = 0

    def add(self, report: LossReport) -> None:
        for name, value in {"": report.loss, **report.terms}.items():
            before = self._sums.get(name, torch.zeros((), dtype=torch.float64, device=self._device))
            self._sums[name] = before + value.detach().double() * report.tokens
        self.tokens += report.tokens

    def means(self) -> tuple[float, dict[str, float]]:
        """The mean loss and the mean of each term; afterwards `tokens` counts those of all ranks."""
        count = torch.tensor(self.tokens, dtype=torch.float64, device=self._device)
        packed = torch.stack([count, *self._sums.values()])
        if self._group is not None:
            distributed.all_reduce(packed, group=self._group)
        tokens, *sums = packed.tolist()
        self.tokens = int(tokens)
        means = {name: total / tokens for name, total in zip(self._sums, sums, strict=True)}
        return means.pop(""), means
