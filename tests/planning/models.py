"""Models of published sizes for the planner's tests, made of parts; the planner never learns a family's name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from orchestrator.architecture.family import Family
from orchestrator.architecture.names import LLAMA_LIKE
from orchestrator.architecture.parts import (
    ALiBi,
    Attention,
    Embedding,
    FeedForward,
    FeedForwardPart,
    GatedFeedForward,
    Head,
    LayerNorm,
    MixtureOfExperts,
    RMSNorm,
    Rotary,
    Router,
)
from orchestrator.architecture.stack import Architecture, Block, HuggingFace
from orchestrator.spec import ClusterSpec, RunSpec


class Made(Family):
    """Any of the parts, sized."""

    family: Literal["made"] = "made"
    layers: int
    hidden: int
    heads: int
    kv_heads: int | None = None
    size: int
    vocab: int
    positions: int = 2048
    biased: bool = False
    """LayerNorm, plain feed-forward and biases, as BLOOM and NeoX have them."""
    alibi: bool = False
    parallel: bool = False
    tied: bool = False
    experts: int = 0
    per_token: int = 2
    last: dict[str, Any] = Field(default_factory=dict)
    """What the last layer is instead."""
    final_eps: float = 1e-5
    attention_bias: bool | None = None
    router: dict[str, Any] = Field(default_factory=dict)

    def architecture(self) -> Architecture:
        last = self.model_copy(update=self.last)._block()
        norm = (LayerNorm if self.biased else RMSNorm)(hidden=self.hidden, eps=1e-5)
        return Architecture(
            embedding=Embedding(vocab=self.vocab, hidden=self.hidden, norm=norm if self.alibi else None),
            blocks=(*(self._block(),) * (self.layers - 1), last) if self.last else (self._block(),) * self.layers,
            final_norm=replace(norm, eps=self.final_eps), head=Head(vocab=self.vocab, hidden=self.hidden, tied=self.tied),
            max_positions=self.positions, initial_std=0.02,
            huggingface=HuggingFace(model_class="", config_class="", names=LLAMA_LIKE),
        )  # fmt: skip

    def _block(self) -> Block:
        norm = (LayerNorm if self.biased else RMSNorm)(hidden=self.hidden, eps=1e-5)
        width = self.hidden // self.heads
        position = ALiBi(heads=self.heads) if self.alibi else Rotary(theta=1e4, head_dim=width, dims=width)
        return Block(
            attention=Attention(
                hidden=self.hidden, heads=self.heads, kv_heads=self.kv_heads or self.heads, head_dim=width,
                bias=self.biased if self.attention_bias is None else self.attention_bias, causal=True, position=position,
            ),
            feed_forward=self._feed_forward(), norm=norm, residual="parallel" if self.parallel else "serial",
        )  # fmt: skip

    def _feed_forward(self) -> FeedForwardPart:
        if self.biased:
            return FeedForward(hidden=self.hidden, size=self.size, activation="gelu_tanh", bias=True)
        gated = GatedFeedForward(hidden=self.hidden, size=self.size, activation="silu")
        if not self.experts:
            return gated
        router = Router(hidden=self.hidden, experts=self.experts, per_token=self.per_token, **self.router)
        return MixtureOfExperts(router=router, expert=gated)


BLOOM = {"layers": 70, "hidden": 14336, "heads": 112, "size": 57344, "vocab": 250_880, "biased": True, "alibi": True, "tied": True}
NEOX = {"layers": 44, "hidden": 6144, "heads": 64, "size": 24576, "vocab": 50_432, "biased": True, "parallel": True}
LLAMA = {"layers": 80, "hidden": 8192, "heads": 64, "size": 22016, "vocab": 32_000}
GROUPED = {"layers": 80, "hidden": 8192, "heads": 64, "kv_heads": 8, "size": 28672, "vocab": 32_000}
MIXTRAL = {"layers": 32, "hidden": 4096, "heads": 32, "kv_heads": 8, "size": 14336, "vocab": 32_000, "experts": 8}
SMALL = {"layers": 8, "hidden": 512, "heads": 8, "size": 1536, "vocab": 1000}

BLOOM_BATCH = {"sequences": 2048, "ramp_up": {"start": 192, "step": 16, "samples": 9_765_625}}


def page(model: dict[str, Any], parallelism: dict[str, Any], *, length: int = 2048, **training: Any) -> RunSpec[Made]:
    """A run of a model; `training` replaces keys of the section."""
    base = {"batch": {"sequences": 1024}, "steps": 100, "optimizer": {"name": "adamw", "lr": 1e-4}}
    return RunSpec[Made].model_validate(
        {
            "model": {"positions": max(2048, length), **model}, "data": {"mixture": "x", "sequence_length": length},
            "training": {**base, **training}, "parallelism": parallelism,
        }
    )  # fmt: skip


def gpus(nodes: int, count: int = 8, accelerator: str = "A100-80GB") -> ClusterSpec:
    """So many nodes of GPUs on a network."""
    node = {"accelerator": accelerator, "count": count}
    return ClusterSpec.model_validate({"nodes": nodes, "node": node, "network": {"bandwidth": "100GB"}})
