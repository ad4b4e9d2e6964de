"""Memory: a large copy, and the memory-bound operations of a block counted as the planner counts them.

A copy says what memory can do; a block's norms, activations and residuals, one small operation after the other with
fresh results, say what of it a model gets. The second is measured on a block's own operations, so that the constant is
right for the counts that it is used with (planning/timing/elementwise.py).
"""

from __future__ import annotations

import torch

from orchestrator.architecture.parts import Attention, GatedFeedForward, RMSNorm, Rotary
from orchestrator.architecture.stack import Block
from orchestrator.planning.software import Software
from orchestrator.planning.timing.elementwise import inner_elements, row_elements, stream_elements
from orchestrator.probes.clock import seconds_of

COPIED = {"cpu": 2**24, "cuda": 2**28}
"""Elements of four bytes: more than caches hold."""
SHAPES = {"cpu": (1024, 256, 896, 4), "cuda": (8192, 4096, 11008, 32)}
"""Tokens, hidden, inside of the feed-forward, heads."""


def copied(device: torch.device, *, budget_s: float = 0.3) -> float:
    """Bytes per second, read and written."""
    source = torch.ones(COPIED[device.type], device=device)
    target = torch.empty_like(source)
    return 2 * source.numel() * source.element_size() / seconds_of(lambda: target.copy_(source), device, budget_s=budget_s)


def streamed(device: torch.device, *, budget_s: float = 0.4) -> float:
    """Bytes per second of a LLaMA block's memory-bound operations, forward and backward."""
    tokens, hidden, inside, heads = SHAPES[device.type]
    width = 4 if device.type == "cpu" else 2
    block = _block(hidden, inside, heads)
    software = Software()
    counts = (stream_elements(block, software), inner_elements(block, software), row_elements(block.feed_forward, software))
    elements = sum(sum(each) for each in counts)
    return tokens * elements * width / seconds_of(_operations(device, tokens, hidden, inside, heads), device, budget_s=budget_s)


def _block(hidden: int, inside: int, heads: int) -> Block:
    head_dim = hidden // heads
    attention = Attention(
        hidden=hidden, heads=heads, kv_heads=heads, head_dim=head_dim, bias=False, causal=True,
        position=Rotary(theta=1e4, head_dim=head_dim, dims=head_dim),
    )  # fmt: skip
    feed = GatedFeedForward(hidden=hidden, size=inside, activation="silu")
    return Block(attention=attention, feed_forward=feed, norm=RMSNorm(hidden=hidden, eps=1e-6))


def _operations(device: torch.device, tokens: int, hidden: int, inside: int, heads: int):  # type: ignore[no-untyped-def]
    """Two norms, two residuals, a gated activation, rotary queries and keys: as transformers writes them."""
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16

    def new(*shape: int) -> torch.Tensor:
        return torch.randn(shape, device=device, dtype=dtype, requires_grad=True)

    stream, branch, gate, up = new(tokens, hidden), new(tokens, hidden), new(tokens, inside), new(tokens, inside)
    gain, turned = new(hidden), new(1, heads, tokens, hidden // heads)
    cos = torch.randn(1, 1, tokens, hidden // heads, device=device, dtype=dtype)
    leaves = (stream, branch, gate, up, gain, turned)

    def norm(x: torch.Tensor) -> torch.Tensor:
        wide = x.float()
        return gain * (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)).to(x.dtype)

    def rotate(x: torch.Tensor) -> torch.Tensor:
        first, second = x.chunk(2, dim=-1)
        return x * cos + torch.cat((-second, first), dim=-1) * cos

    def both() -> None:
        inner = torch.nn.functional.silu(gate) * up
        outs = (norm(stream), norm(stream + branch), stream + branch, rotate(turned), rotate(turned), inner)
        torch.autograd.grad(outs, leaves, tuple(each.detach() for each in outs))

    return both
