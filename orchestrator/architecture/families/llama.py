"""LLaMA (Touvron et al. 2023, arXiv:2302.13971): pre-RMSNorm, rotary positions, SwiGLU, no biases.

LLaMA 2 and 3 differ only in numbers: grouped queries (`kv_heads`), `rope_theta`, vocabulary, tying.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from orchestrator.architecture.family import Family
from orchestrator.architecture.names import LLAMA_LIKE
from orchestrator.architecture.parts import Attention, Embedding, GatedFeedForward, Head, RMSNorm, Rotary
from orchestrator.architecture.sizes import require_pairs, require_whole_groups
from orchestrator.architecture.stack import Architecture, Block, HuggingFace
from orchestrator.pages import Count
from orchestrator.registry import FAMILIES


@FAMILIES.register
class Llama(Family):
    """Numbers of a LLaMA."""

    family: Literal["llama"]
    layers: int = Field(gt=0, le=10_000)
    hidden_size: int = Field(gt=0, le=2**20)
    heads: int = Field(gt=0, le=2**16)
    kv_heads: int | None = Field(default=None, gt=0, le=2**16)
    """Key and value heads; as many as `heads` when not said."""
    ffn_size: int = Field(gt=0, le=2**22)
    vocab_size: Count = Field(gt=1, le=2**26)
    max_positions: Count = Field(default=2048, gt=0, le=2**30)
    norm_eps: float = Field(default=1e-6, gt=0, lt=1)
    rope_theta: float = Field(default=10_000.0, gt=0)
    tie_embeddings: bool = False
    initial_std: float = Field(default=0.02, gt=0, lt=10)

    @model_validator(mode="after")
    def _heads_divide(self) -> Llama:
        require_pairs(self.hidden_size, self.heads)
        require_whole_groups(self.heads, self.kv_heads or self.heads)
        return self

    def architecture(self) -> Architecture:
        head_dim = self.hidden_size // self.heads
        kv_heads = self.kv_heads or self.heads
        norm = RMSNorm(hidden=self.hidden_size, eps=self.norm_eps)
        block = Block(
            attention=Attention(
                hidden=self.hidden_size, heads=self.heads, kv_heads=kv_heads, head_dim=head_dim,
                bias=False, causal=True, position=Rotary(theta=self.rope_theta, head_dim=head_dim, dims=head_dim),
            ),
            feed_forward=GatedFeedForward(hidden=self.hidden_size, size=self.ffn_size, activation="silu"),
            norm=norm,
        )  # fmt: skip
        config = {
            "vocab_size": self.vocab_size, "hidden_size": self.hidden_size, "intermediate_size": self.ffn_size,
            "num_hidden_layers": self.layers, "num_attention_heads": self.heads, "num_key_value_heads": kv_heads,
            "max_position_embeddings": self.max_positions, "rms_norm_eps": self.norm_eps,
            "rope_parameters": {"rope_type": "default", "rope_theta": self.rope_theta},
            "tie_word_embeddings": self.tie_embeddings, "initializer_range": self.initial_std,
            "attention_bias": False, "mlp_bias": False, "hidden_act": "silu",
        }  # fmt: skip
        return Architecture(
            embedding=Embedding(vocab=self.vocab_size, hidden=self.hidden_size),
            blocks=(block,) * self.layers,
            final_norm=norm,
            head=Head(vocab=self.vocab_size, hidden=self.hidden_size, tied=self.tie_embeddings),
            max_positions=self.max_positions,
            initial_std=self.initial_std,
            huggingface=HuggingFace(
                model_class="LlamaForCausalLM", config_class="LlamaConfig", names=LLAMA_LIKE, config=config
            ),
        )
