"""One candidate layout: how a model is spread and how a batch is cut. What rules judge and searches rank."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Degrees of the parallel axes and the choices that go with them; every value is resolved.

    `expert` and `expert_tensor` are no axes of their own: they fold the ranks of data, context and tensor anew.
    """

    engine: str
    data: int
    tensor: int
    pipeline: int
    micro_batch: int
    zero: int
    offload: str
    recompute: str
    context: int = 1
    virtual: int = 1
    expert: int = 1
    expert_tensor: int = 1
    sequence_parallel: bool = False

    @property
    def world_size(self) -> int:
        """Ranks: the product of the axes."""
        return self.data * self.context * self.tensor * self.pipeline

    @property
    def replicas(self) -> int:
        """Ranks that hold the same dense parameters."""
        return self.data * self.context

    @property
    def expert_replicas(self) -> int:
        """Ranks that hold the same experts."""
        return max(1, self.replicas * self.tensor // (self.expert * self.expert_tensor))

    @property
    def product(self) -> str:
        """The product law with its numbers, for messages."""
        axes = {"data": self.data, "context": self.context, "tensor": self.tensor, "pipeline": self.pipeline}
        named = [f"{axis} {degree}" for axis, degree in axes.items() if degree > 1 or axis != "context"]
        return f"{' x '.join(named)} = {self.world_size}"
