"""How a mixture of experts is kept even, and what of it is worth watching.

Routers collapse: a few experts take all tokens, the others learn nothing, and the loss alone shows it late.
The losses that prevent it are here as pure functions of a router's logits [b, s, E]. They are means over
sequences and tokens, so neither micro-batch nor data degree changes them (a balance taken over whatever
tokens share a micro-batch is another loss for every layout). What a step's routers did goes into its report.

    b sequences   s tokens of each   E experts   k of them per token
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import distributed

from orchestrator.architecture.parts import MixtureOfExperts

if TYPE_CHECKING:
    from orchestrator.architecture.parts import Router
    from orchestrator.architecture.stack import Architecture


@dataclass(frozen=True, kw_only=True)
class RoutingReport:
    """What the routers did in one step: one entry per layer with experts, in the model's order.

    Averages over all micro-batches of all ranks.

    load: each expert's share of the assignments; they add up to 1, an even one is 1 / E.
    dropped: assignments that no expert took, counted over the whole step.
    balance_loss, z_loss: as added to the loss, each with its coefficient.
    entropy: of the router's softmax over all experts, mean over tokens, in nats; log E where it has no opinion.
    """

    load: tuple[tuple[float, ...], ...]
    dropped: tuple[float, ...]
    balance_loss: tuple[float, ...]
    z_loss: tuple[float, ...]
    entropy: tuple[float, ...]


def routers_of(architecture: Architecture) -> dict[int, Router]:
    """The router of each layer that has one, by the layer's number."""
    parts = ((layer, block.feed_forward) for layer, block in enumerate(architecture.blocks))
    return {layer: part.router for layer, part in parts if isinstance(part, MixtureOfExperts)}


def balance_loss(logits_BSE: torch.Tensor, per_token: int, coefficient: float) -> torch.Tensor:
    """Mean over sequences of coefficient x E / (k s^2) x sum_e p_e n_e; 1 x coefficient where all is even.

    p_e is the sequence's summed softmax probability of expert e, n_e the number of its tokens that chose e;
    the latter has no gradient. Switch (arXiv:2101.03961, equation 4), per sequence as in DeepSeek-V2
    (arXiv:2405.04434, section 2.1.3).
    """
    experts, tokens = logits_BSE.shape[-1], logits_BSE.shape[1]
    probabilities_BSE = logits_BSE.float().softmax(dim=-1)
    summed_BE = probabilities_BSE.sum(dim=1)
    chosen_BE = assignments(logits_BSE, per_token)
    return (summed_BE * chosen_BE).sum(dim=-1).mean() * (coefficient * experts / (per_token * tokens**2))


def z_loss(logits_BSE: torch.Tensor, coefficient: float) -> torch.Tensor:
    """coefficient x mean over tokens of the squared log-normaliser (ST-MoE, arXiv:2202.08906, equation 5)."""
    return coefficient * logits_BSE.float().logsumexp(dim=-1).square().mean()


@torch.no_grad()
def assignments(logits_BSE: torch.Tensor, per_token: int) -> torch.Tensor:
    """Tokens of each sequence that chose each expert, [b, E]; each token counts k times."""
    probabilities_BSE = logits_BSE.float().softmax(dim=-1)
    chosen_BSk = probabilities_BSE.topk(per_token, dim=-1).indices
    ones = torch.ones((), device=logits_BSE.device).expand_as(chosen_BSk.flatten(1))
    counts_BE = torch.zeros(len(logits_BSE), logits_BSE.shape[-1], device=logits_BSE.device)
    return counts_BE.scatter_add_(1, chosen_BSk.flatten(1), ones)


@torch.no_grad()
def entropy(logits_BSE: torch.Tensor) -> torch.Tensor:
    """Mean over tokens of the entropy of the softmax over all experts, in nats."""
    logs_BSE = logits_BSE.float().log_softmax(dim=-1)
    return -(logs_BSE.exp() * logs_BSE).sum(dim=-1).mean()


class RoutingMeter:
    """The router losses of each micro-batch, and the report of a whole step with one synchronisation.

    routers: of the layers with experts, in order. group: whose ranks `report` sums over (collective); None for this
    process alone.
    """

    def __init__(
        self, routers: Iterable[Router], device: torch.device, *, group: distributed.ProcessGroup | None = None
    ) -> None:
        self._routers = tuple(routers)
        self._group = group
        self._device = device
        self._sums = [torch.zeros(router.experts + 3, dtype=torch.float64, device=device) for router in self._routers]
        self._sequences = 0

    def add(self, logits: Sequence[torch.Tensor]) -> torch.Tensor | float:
        """What to add to this micro-batch's loss, with its graph; `logits` holds one [b, s, E] per router."""
        total: torch.Tensor | float = 0.0
        for router, sums, logits_BSE in zip(self._routers, self._sums, logits, strict=True):
            balance = balance_loss(logits_BSE, router.per_token, router.balance_loss)
            penalty = z_loss(logits_BSE, router.z_loss)
            total = total + balance + penalty
            loads = assignments(logits_BSE, router.per_token).sum(dim=0) / (logits_BSE.shape[1] * router.per_token)
            means = torch.stack([balance.detach(), penalty.detach(), entropy(logits_BSE)])
            sums += torch.cat([loads, means * len(logits_BSE)])
        self._sequences += len(logits[0]) if logits else 0
        return total

    def report(self) -> RoutingReport | None:
        """The step so far; None for a model without experts."""
        if not self._routers:
            return None
        count = torch.tensor([self._sequences], dtype=torch.float64, device=self._device)
        packed = torch.cat([count, *self._sums])
        if self._group is not None:
            distributed.all_reduce(packed, group=self._group)
        sequences, *values = packed.tolist()
        rows = []
        for router in self._routers:
            rows.append([value / sequences for value in values[: router.experts + 3]])
            del values[: router.experts + 3]
        return RoutingReport(
            load=tuple(tuple(row[:-3]) for row in rows),
            dropped=(0.0,) * len(rows),
            balance_loss=tuple(row[-3] for row in rows),
            z_loss=tuple(row[-2] for row in rows),
            entropy=tuple(row[-1] for row in rows),
        )
