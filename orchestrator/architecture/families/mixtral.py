"""Mixtral (arXiv:2401.04088): a LLaMA whose feed-forward is a mixture of experts.

Each token goes to its two best of eight SwiGLU experts, weighted by a softmax over the two. How the load is
kept even is said on the page, for the paper does not tell how Mixtral was trained.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field, model_validator

from orchestrator.architecture.family import Family
from orchestrator.architecture.names import LLAMA_LIKE
from orchestrator.architecture.parts import (
    Attention,
    Embedding,
    GatedFeedForward,
    Head,
    MixtureOfExperts,
    RMSNorm,
    Rotary,
    Router,
)
from orchestrator.architecture.sizes import require_pairs, require_whole_groups
from orchestrator.architecture.stack import Architecture, Block, HuggingFace
from orchestrator.pages import Count
from orchestrator.registry import FAMILIES

NAMES = replace(
    LLAMA_LIKE,
    up=(),
    down="",
    router="model.layers.{layer}.mlp.gate",
    experts_up="model.layers.{layer}.mlp.experts.gate_up_proj",
    experts_down="model.layers.{layer}.mlp.experts.down_proj",
)


@FAMILIES.register
class Mixtral(Family):
    """Numbers of a Mixtral."""

    family: Literal["mixtral"]
    layers: int = Field(gt=0, le=10_000)
    hidden_size: int = Field(gt=0, le=2**20)
    heads: int = Field(gt=0, le=2**16)
    kv_heads: int | None = Field(default=None, gt=0, le=2**16)
    """Key and value heads; as many as `heads` when not said."""
    ffn_size: int = Field(gt=0, le=2**22)
    """Width of each expert."""
    experts: int = Field(gt=0, le=2**16)
    experts_per_token: int = Field(default=2, gt=0, le=2**16)
    balance_loss: float = Field(default=0.02, ge=0, lt=100)
    """Coefficient of each layer's load-balancing loss, 1 where the load is even; the released configuration says 0.02."""
    router_z_loss: float = Field(default=0.0, ge=0, lt=100)
    """Coefficient of the mean squared log-normaliser of the router's logits (ST-MoE, arXiv:2202.08906)."""
    router_scores: Literal["softmax", "sigmoid"] = "softmax"
    router_bias_rate: float = Field(default=0.0, ge=0, lt=1)
    """Step of the bias that moves choices from the overused to the underused experts (arXiv:2408.15664); 0: no bias."""
    capacity: float | None = Field(default=None, gt=0, le=2**16)
    """Tokens that an expert takes, as a multiple of an even share; the rest is dropped. Not said: none is dropped."""
    vocab_size: Count = Field(gt=1, le=2**26)
    max_positions: Count = Field(default=32_768, gt=0, le=2**30)
    norm_eps: float = Field(default=1e-5, gt=0, lt=1)
    rope_theta: float = Field(default=1e6, gt=0)
    tie_embeddings: bool = False
    initial_std: float = Field(default=0.02, gt=0, lt=10)

    @model_validator(mode="after")
    def _sizes_fit(self) -> Mixtral:
        require_pairs(self.hidden_size, self.heads)
        require_whole_groups(self.heads, self.kv_heads or self.heads)
        if self.experts_per_token > self.experts:
            raise ValueError(
                f"experts_per_token {self.experts_per_token} exceeds experts {self.experts};"
                f" fix: write experts_per_token: {self.experts}"
            )
        return self

    def architecture(self) -> Architecture:
        hidden, head_dim = self.hidden_size, self.hidden_size // self.heads
        kv_heads = self.kv_heads or self.heads
        norm = RMSNorm(hidden=hidden, eps=self.norm_eps)
        router = Router(
            hidden=hidden, experts=self.experts, per_token=self.experts_per_token, scores=self.router_scores,
            balance_loss=self.balance_loss, z_loss=self.router_z_loss, bias_rate=self.router_bias_rate,
            capacity=self.capacity,
        )  # fmt: skip
        block = Block(
            attention=Attention(
                hidden=hidden, heads=self.heads, kv_heads=kv_heads, head_dim=head_dim, bias=False, causal=True,
                position=Rotary(theta=self.rope_theta, head_dim=head_dim, dims=head_dim),
            ),
            feed_forward=MixtureOfExperts(
                router=router, expert=GatedFeedForward(hidden=hidden, size=self.ffn_size, activation="silu")
            ),
            norm=norm,
        )  # fmt: skip
        config = {
            "vocab_size": self.vocab_size, "hidden_size": hidden, "intermediate_size": self.ffn_size,
            "num_hidden_layers": self.layers, "num_attention_heads": self.heads, "num_key_value_heads": kv_heads,
            "num_local_experts": self.experts, "num_experts_per_tok": self.experts_per_token,
            "router_aux_loss_coef": self.balance_loss, "router_jitter_noise": 0.0, "output_router_logits": False,
            "max_position_embeddings": self.max_positions, "rms_norm_eps": self.norm_eps, "sliding_window": None,
            "rope_parameters": {"rope_type": "default", "rope_theta": self.rope_theta},
            "tie_word_embeddings": self.tie_embeddings, "initializer_range": self.initial_std, "hidden_act": "silu",
            "attention_dropout": 0.0,
        }  # fmt: skip
        return Architecture(
            embedding=Embedding(vocab=self.vocab_size, hidden=hidden),
            blocks=(block,) * self.layers,
            final_norm=norm,
            head=Head(vocab=self.vocab_size, hidden=hidden, tied=self.tie_embeddings),
            max_positions=self.max_positions,
            initial_std=self.initial_std,
            huggingface=HuggingFace(
                model_class="MixtralForCausalLM", config_class="MixtralConfig", names=NAMES, config=config
            ),
        )
