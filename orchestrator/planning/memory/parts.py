"""What a rank's memory holds at the peak of a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes on one rank at the peak of a step; the parts add up to `total`, and `host` is beside them.

    weights: as the rank keeps them between steps; gradients: as they are accumulated; optimizer: masters and moments;
    activations: kept for the backward pass, and one block's while it is computed again; logits: of the loss;
    buffers: weights gathered, buckets, what arrives from other stages, and temporaries of one block;
    framework: context, kernels, communicators; cached: what the optimizer's step alone takes, in the place of activations if need be;
    slack: what the allocator holds beyond all that;
    host: in host memory, where offload moved it.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    buffers: int
    framework: int
    cached: int = 0
    slack: int = 0
    host: int = 0

    @property
    def total(self) -> int:
        return (
            self.weights + self.gradients + self.optimizer + self.activations + self.logits + self.buffers + self.framework
            + self.cached + self.slack
        )  # fmt: skip

    @property
    def parts(self) -> dict[str, int]:
        """What the device holds, by name."""
        return {name: int(value) for name, value in asdict(self).items() if name != "host"}


def largest(stages: Sequence[Memory]) -> Memory:
    """The memory of the stage that needs most."""
    return max(stages, key=lambda memory: memory.total)
