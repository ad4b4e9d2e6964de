"""One candidate layout: how a model is spread and how a batch is cut. What rules judge and searches rank."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Degrees of the parallel axes and the choices that go with them; every value is resolved."""

    engine: str
    data: int
    tensor: int
    pipeline: int
    micro_batch: int
    zero: int
    offload: str
    recompute: str

    @property
    def world_size(self) -> int:
        """Ranks: the product of the axes."""
        return self.data * self.tensor * self.pipeline

    @property
    def product(self) -> str:
        """The product law with its numbers, for messages."""
        return f"data {self.data} x tensor {self.tensor} x pipeline {self.pipeline} = {self.world_size}"
