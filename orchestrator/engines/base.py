"""What every engine does, so that the training loop knows none of them by name.

The loop hands an engine micro-batches and a learning rate and gets numbers back; the checkpoint code
asks for boxes and fills boxes. How the model is cut, where gradients are reduced and which library does
it stay below this line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

import torch

from orchestrator.engines.boxes import ShardedState
from orchestrator.engines.routing import RoutingReport
from orchestrator.objectives import Batch, Objective

if TYPE_CHECKING:
    from orchestrator.planning.capabilities import Capabilities
    from orchestrator.planning.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Device:
    """The device this process computes on: a kind and its index on this node."""

    kind: str  # "cpu" or "cuda"
    index: int = 0

    @property
    def torch(self) -> torch.device:
        return torch.device("cpu") if self.kind == "cpu" else torch.device(self.kind, self.index)

    @property
    def backend(self) -> str:
        """The torch.distributed backend that moves tensors of this device."""
        return {"cpu": "gloo", "cuda": "nccl"}[self.kind]


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """One optimizer step. The loss and its terms are averaged over all micro-batches of all ranks.

    grad_norm: 2-norm of the whole gradient before clipping; not finite when the step was skipped.
    skipped: the gradient was not finite, and the weights are as they were.
    routing: what the routers of a mixture of experts did; their losses are not part of `loss`.
    """

    loss: float
    grad_norm: float
    skipped: bool
    terms: dict[str, float] = field(default_factory=dict)
    routing: RoutingReport | None = None


@dataclass(frozen=True, kw_only=True)
class EvalReport:
    """loss: mean over `tokens`, the number of targets scored on all ranks together."""

    loss: float
    tokens: int


class Engine(Protocol):
    """A model, its optimizer and the way both are laid over the ranks."""

    capabilities: ClassVar[Capabilities]
    objective: Objective

    def build(self, plan: Plan, device: Device) -> None:
        """Makes the model with its initial weights. Collective over all ranks of the plan."""

    @property
    def module(self) -> torch.nn.Module:
        """The Hugging Face module. With sharded parameters its forward is collective."""

    def train_step(self, batches: Iterable[Batch], *, lr: float) -> StepReport:
        """One optimizer step over this rank's micro-batches, as many on every rank."""

    def evaluate(self, batches: Iterable[Batch]) -> EvalReport:
        """Mean loss without gradients, over as many micro-batches on every rank."""

    def state(self) -> ShardedState:
        """Live views of weights (fp32) and optimizer state. Needs no communication."""

    def restore(self, state: ShardedState) -> None:
        """Makes the engine consistent after every box and scalar of `state()` was filled. Collective."""

    def close(self) -> None:
        """Releases what `build` made; waits for nobody, so that a failing rank can call it.

        A process group that was there before stays. Whoever made it should, in this order: close the
        engine, pass a barrier, destroy the group (else ZeRO-3 on CPU aborts when the interpreter exits).
        """
