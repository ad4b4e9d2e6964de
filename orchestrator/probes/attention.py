"""Fused attention as torch has it, forward and backward together: the forward pass's FLOP/s that would explain both."""

from __future__ import annotations

import torch

from orchestrator.planning.calibration import BACKWARD_ATTENTION, BACKWARD_ATTENTION_SPEED
from orchestrator.probes.clock import seconds_of

SHAPES = {"cpu": (4, 4, 256, 64), "cuda": (2, 32, 2048, 128)}
"""Sequences, heads, tokens, width of a head."""


def attention_flops(device: torch.device, *, budget_s: float = 0.3) -> float:
    """FLOP/s of the forward pass under a causal mask, whose other half is not counted."""
    batch, heads, tokens, width = SHAPES[device.type]
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    shape = (batch, heads, tokens, width)
    queries, keys, values = (torch.randn(shape, device=device, dtype=dtype, requires_grad=True) for _ in range(3))

    def both() -> None:
        out = torch.nn.functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        torch.autograd.grad(out, (queries, keys, values), out.detach())

    forward = 4.0 * batch * heads * tokens * tokens * width / 2
    return forward * (1 + BACKWARD_ATTENTION / BACKWARD_ATTENTION_SPEED) / seconds_of(both, device, budget_s=budget_s)
