"""Initial weights that no layout can change.

Libraries draw weights from one stream, in the order in which modules are built; cut the model
differently and every number changes, so runs on 1 and on 64 devices cannot be compared. Here each
weight is a pure function of (seed, parameter name, position in the tensor): any rank computes any block
of any tensor alone, without the others and without the rest of the model.

Numbers are drawn in blocks of `BLOCK` consecutive elements of the row-major tensor, each from its own
counter-based stream (Philox, Salmon et al. 2011) keyed by seed, name and block, so a part costs time
and memory in proportion to its own size.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

BLOCK = 1 << 16

RESIDUAL_OUTPUTS = ("o_proj.weight", "down_proj.weight")


@dataclass(frozen=True, kw_only=True)
class Initialiser:
    """Normal weights of one standard deviation, unit norms, zero biases.

    residual_std: for the projections that write into the residual stream, where an architecture wants
        them smaller (GPT-2, section 2.3: std / sqrt(2 * layers)); `std` where it says nothing.
    """

    seed: int
    std: float
    residual_std: float | None = None

    def whole(self, name: str, shape: Sequence[int]) -> torch.Tensor:
        """The initial fp32 value of parameter `name`."""
        return self.part(name, shape, (0,) * len(shape), shape)

    def part(
        self, name: str, shape: Sequence[int], offsets: Sequence[int], part: Sequence[int]
    ) -> torch.Tensor:
        """The block of shape `part` at `offsets` of parameter `name`, which is `shape` as a whole."""
        if name.endswith("bias"):
            return torch.zeros(tuple(part))
        if len(shape) < 2:
            return torch.ones(tuple(part))
        if math.prod(part) == 0:
            return torch.empty(tuple(part))
        strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
        first = sum(offset * stride for offset, stride in zip(offsets, strides, strict=True))
        last = first + sum((size - 1) * stride for size, stride in zip(part, strides, strict=True))
        numbers = torch.from_numpy(_normal(self.seed, name, first, last + 1))
        return numbers.as_strided(tuple(part), strides).mul(self._std(name))

    def _std(self, name: str) -> float:
        if self.residual_std is not None and name.endswith(RESIDUAL_OUTPUTS):
            return self.residual_std
        return self.std


def initial_weight(name: str, shape: Sequence[int], *, seed: int, std: float) -> torch.Tensor:
    """The initial fp32 value of one parameter: ones for norms, zeros for biases, else N(0, std)."""
    return Initialiser(seed=seed, std=std).whole(name, shape)


def _normal(seed: int, name: str, start: int, stop: int) -> np.ndarray:
    """Elements [start, stop) of the infinite standard normal sequence of (seed, name), fp32."""
    numbers = np.empty(stop - start, dtype=np.float32)
    for block in range(start // BLOCK, -(-stop // BLOCK)):
        key = hashlib.blake2b(f"{seed}/{name}/{block}".encode(), digest_size=16).digest()
        stream = np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
        first, last = max(start, block * BLOCK), min(stop, (block + 1) * BLOCK)
        drawn = stream.standard_normal(last - block * BLOCK, dtype=np.float32)
        numbers[first - start : last - start] = drawn[first - block * BLOCK :]
    return numbers
