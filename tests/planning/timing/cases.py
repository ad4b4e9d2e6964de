"""Work and hardware of the papers that the tests cite."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.architecture.names import LLAMA_LIKE
from orchestrator.architecture.parts import (
    Attention,
    Embedding,
    FeedForward,
    GatedFeedForward,
    Head,
    LayerNorm,
    MixtureOfExperts,
    RMSNorm,
    Rotary,
    Router,
)
from orchestrator.architecture.stack import Architecture, Block, HuggingFace
from orchestrator.planning.hardware import Hardware, hardware_of
from orchestrator.planning.layout import Layout
from orchestrator.planning.software import Software
from orchestrator.planning.work import Work
from orchestrator.spec.cluster import ClusterSpec

MEGATRON_2022 = Software(attention="scores", gradient_bytes=4, adds_in_products=True)
BLOOM = Software(attention="scores", gradient_bytes=2)


def gpt(layers: int, hidden: int, heads: int, *, vocab: int = 51200, length: int = 2048) -> Architecture:
    """GPT's block: biases, a feed-forward of 4 x hidden, the head tied to the embedding."""
    attention = Attention(
        hidden=hidden, heads=heads, kv_heads=heads, head_dim=hidden // heads, bias=True, causal=True,
        position=Rotary(theta=1e4, head_dim=hidden // heads, dims=hidden // heads),
    )  # fmt: skip
    block = Block(
        attention=attention, feed_forward=FeedForward(hidden=hidden, size=4 * hidden, activation="gelu", bias=True),
        norm=LayerNorm(hidden=hidden, eps=1e-5),
    )  # fmt: skip
    return _model(block, layers, vocab, length, tied=True)


def llama(layers: int, hidden: int, heads: int, *, kv_heads: int, size: int, vocab: int, length: int = 2048) -> Architecture:
    """Llama's block: no biases, gated units, a head of its own."""
    attention = Attention(
        hidden=hidden, heads=heads, kv_heads=kv_heads, head_dim=hidden // heads, bias=False, causal=True,
        position=Rotary(theta=1e4, head_dim=hidden // heads, dims=hidden // heads),
    )  # fmt: skip
    block = Block(
        attention=attention, feed_forward=GatedFeedForward(hidden=hidden, size=size, activation="silu"),
        norm=RMSNorm(hidden=hidden, eps=1e-5),
    )  # fmt: skip
    return _model(block, layers, vocab, length, tied=False)


def mixture(model: Architecture, experts: int, per_token: int, size: int, *, shared: int | None = None) -> Architecture:
    """A model with its feed-forwards replaced by experts."""
    block = model.blocks[0]
    router = Router(hidden=model.hidden, experts=experts, per_token=per_token)
    expert = GatedFeedForward(hidden=model.hidden, size=size, activation="silu")
    dealt = replace(block, feed_forward=MixtureOfExperts(router=router, expert=expert, shared=shared))
    return replace(model, blocks=(dealt,) * len(model.blocks))


def _model(block: Block, layers: int, vocab: int, length: int, *, tied: bool) -> Architecture:
    hidden = block.attention.hidden
    return Architecture(
        embedding=Embedding(vocab=vocab, hidden=hidden), blocks=(block,) * layers, final_norm=block.norm,
        head=Head(vocab=vocab, hidden=hidden, tied=tied), max_positions=length, initial_std=0.02,
        huggingface=HuggingFace(model_class="", config_class="", names=LLAMA_LIKE),
    )  # fmt: skip


def gpus(accelerator: str = "A100-80GB", *, nodes: int = 1, count: int = 8, network: int = 200, **known: float) -> Hardware:
    """`network`: GB/s of a node. `known`: constants in place of the defaults."""
    page = {"nodes": nodes, "node": {"accelerator": accelerator, "count": count}, "network": {"bandwidth": network * 10**9}}
    made = hardware_of(ClusterSpec.model_validate(page))
    return replace(made, calibration=replace(made.calibration, **known))


def layout(**said: Any) -> Layout:
    base = {
        "engine": "megatron", "data": 1, "tensor": 1, "pipeline": 1, "micro_batch": 1, "zero": 0, "offload": "none",
        "recompute": "none",
    }  # fmt: skip
    return Layout(**(base | {"expert_tensor": said.get("tensor", 1) if said.get("expert", 1) == 1 else 1} | said))


def work(model: Architecture, sequences: int, software: Software = MEGATRON_2022, **said: Any) -> Work:
    return Work(
        architecture=model, layout=layout(**said), sequence_length=model.max_positions, sequences=sequences, precision="bf16",
        optimizer="adamw", software=software,
    )  # fmt: skip
