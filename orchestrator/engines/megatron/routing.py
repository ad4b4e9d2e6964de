"""What the routers of all stages measured in a step, as one report; and the router biases, which are saved.

Each rank counts its own tokens, and holds a part of the layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, distributed

from orchestrator.architecture.parts import MixtureOfExperts
from orchestrator.engines.boxes import Box
from orchestrator.engines.routing import RoutingReport

if TYPE_CHECKING:
    from orchestrator.planning.plan import Plan
    from orchestrator.planning.stages import Chunk

_COLUMNS = 5
"""Beside the experts' counts: tokens, dropped assignments, entropy, balance loss, z loss."""


class Routing:
    """The routers of this rank's chunks."""

    def __init__(self, plan: Plan, chunks: Sequence[Chunk], models: Sequence[Any]) -> None:
        self._plan = plan
        self._moe = any(isinstance(block.feed_forward, MixtureOfExperts) for block in plan.architecture.blocks)
        self._routers: dict[int, Any] = {}
        self._dispatchers: list[Any] = []
        for chunk, model in zip(chunks, models, strict=True):
            for number, layer in enumerate(getattr(model, "module", model).decoder.layers, start=chunk.first):
                if hasattr(layer.mlp, "router"):
                    self._routers[number] = layer.mlp.router
                    self._dispatchers.append(layer.mlp.token_dispatcher)
                    # Else only the first forward pass makes it fp32 again, too late for a checkpoint read before it.
                    layer.mlp.router._maintain_float32_expert_bias()

    def biases(self) -> list[Tensor]:
        """Copies of the router biases, which core moves before anybody has looked at the gradient."""
        return [router.expert_bias.clone() for router in self._biased()]

    def put_back(self, biases: list[Tensor]) -> None:
        for router, bias in zip(self._biased(), biases, strict=True):
            router.expert_bias.copy_(bias)

    def _biased(self) -> list[Any]:
        return [router for router in self._routers.values() if router.expert_bias is not None]

    def report(self, micro_batches: int) -> RoutingReport | None:
        """Means over the step's micro-batches and replicas, layer by layer; the sums begin anew. Collective."""
        from megatron.core import parallel_state

        if not self._moe:
            return None
        rows: dict[int, list[float]] = {}
        if self._routers:
            sums = torch.stack([_packed(router.sums) for router in self._routers.values()])
            group = parallel_state.get_tensor_and_data_parallel_group(with_context_parallel=True)
            distributed.all_reduce(sums, group=group)
            rows = dict(zip(self._routers, sums.tolist(), strict=True))
        for router in self._routers.values():
            router.sums = None
        if self._plan.layout.pipeline > 1:
            pipeline = parallel_state.get_pipeline_model_parallel_group()
            gathered: list[Any] = [None] * self._plan.layout.pipeline
            distributed.all_gather_object(gathered, rows, group=pipeline)
            rows = {layer: row for part in gathered for layer, row in part.items()}
        layers = [rows[layer] for layer in sorted(rows)]
        averaged = micro_batches * self._plan.layout.data
        return RoutingReport(
            load=tuple(tuple(count / max(1.0, sum(row[:-_COLUMNS])) for count in row[:-_COLUMNS]) for row in layers),
            dropped=tuple(row[-4] for row in layers),
            entropy=tuple(row[-3] / row[-5] for row in layers),
            balance_loss=tuple(row[-2] / averaged for row in layers),
            z_loss=tuple(row[-1] / averaged for row in layers),
        )

    def forget(self) -> None:
        """Drops the tensors of the last micro-batch that dispatchers keep.

        Their autograd graph holds the parameters' hooks, which hold the model: a circle that no garbage collector sees.
        """
        for dispatcher in self._dispatchers:
            vars(dispatcher).clear()

    def boxes(self, *, owned: bool) -> Iterator[Box]:
        """The biases that keep the load even where no loss does: state that no gradient reaches."""
        for layer, router in self._routers.items():
            if router.expert_bias is not None:
                name = self._plan.architecture.huggingface.names.router.format(layer=layer)
                bias = router.expert_bias
                yield Box(
                    key=f"buffers/{name}.expert_bias", global_shape=tuple(bias.shape), offsets=(0,), tensor=bias, owned=owned
                )


def _packed(sums: Any) -> Tensor:
    """[experts + _COLUMNS], in double precision: counts of a large batch are exact."""
    others = (torch.tensor(float(sums.tokens)), sums.dropped, sums.entropy, sums.balance_loss, sums.z_loss)
    row = torch.stack([each.double().to(sums.counts.device) for each in others])
    return torch.cat([sums.counts.double(), row])
