"""What a rank's memory holds at the peak of a step."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes on one rank at the peak of a step; `host` is what offload moved to host memory."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    buffers: int
    framework: int
    host: int

    @property
    def total(self) -> int:
        return sum(int(part) for part in asdict(self).values()) - self.host
