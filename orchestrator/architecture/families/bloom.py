"""BLOOM (arXiv:2211.05100): ALiBi, a LayerNorm behind the embedding, a tied head, biases.

The feed-forward is four times as wide as the model. The tokenizer knows 250,680 tokens; the embedding has
rows up to a multiple of 128 for each tensor-parallel rank.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from orchestrator.architecture.family import Family
from orchestrator.architecture.names import Names
from orchestrator.architecture.parts import ALiBi, Attention, Embedding, FeedForward, Head, LayerNorm
from orchestrator.architecture.sizes import require_whole_heads, rounded_up
from orchestrator.architecture.stack import Architecture, Block, HuggingFace
from orchestrator.pages import Count
from orchestrator.registry import FAMILIES

NAMES = Names(
    embedding="transformer.word_embeddings",
    embedding_norm="transformer.word_embeddings_layernorm",
    attention_norm="transformer.h.{layer}.input_layernorm",
    qkv=("transformer.h.{layer}.self_attention.query_key_value",),
    attention_output="transformer.h.{layer}.self_attention.dense",
    feed_forward_norm="transformer.h.{layer}.post_attention_layernorm",
    up=("transformer.h.{layer}.mlp.dense_h_to_4h",),
    down="transformer.h.{layer}.mlp.dense_4h_to_h",
    final_norm="transformer.ln_f",
    head="lm_head",
)


@FAMILIES.register
class Bloom(Family):
    """Numbers of a BLOOM."""

    family: Literal["bloom"]
    layers: int = Field(gt=0, le=10_000)
    hidden_size: int = Field(gt=0, le=2**20)
    heads: int = Field(gt=0, le=2**16)
    vocab_size: Count = Field(gt=1, le=2**26)
    vocab_multiple: int = Field(default=1, gt=0, le=2**20)
    """The embedding has `vocab_size` rows rounded up to a multiple of this."""
    max_positions: Count = Field(default=2048, gt=0, le=2**30)
    """The longest sequence meant; ALiBi itself has no limit."""
    norm_eps: float = Field(default=1e-5, gt=0, lt=1)
    initial_std: float = Field(default=0.02, gt=0, lt=10)

    @model_validator(mode="after")
    def _heads_divide(self) -> Bloom:
        require_whole_heads(self.hidden_size, self.heads)
        return self

    def architecture(self) -> Architecture:
        hidden, rows = self.hidden_size, rounded_up(self.vocab_size, self.vocab_multiple)
        norm = LayerNorm(hidden=hidden, eps=self.norm_eps)
        block = Block(
            attention=Attention(
                hidden=hidden, heads=self.heads, kv_heads=self.heads, head_dim=hidden // self.heads,
                bias=True, causal=True, position=ALiBi(heads=self.heads),
            ),
            feed_forward=FeedForward(hidden=hidden, size=4 * hidden, activation="gelu_tanh", bias=True),
            norm=norm,
        )  # fmt: skip
        config = {
            "vocab_size": rows, "hidden_size": hidden, "n_layer": self.layers, "n_head": self.heads,
            "layer_norm_epsilon": self.norm_eps, "initializer_range": self.initial_std,
            "apply_residual_connection_post_layernorm": False, "tie_word_embeddings": True,
            "hidden_dropout": 0.0, "attention_dropout": 0.0,
        }  # fmt: skip
        return Architecture(
            embedding=Embedding(vocab=rows, hidden=hidden, norm=norm),
            blocks=(block,) * self.layers,
            final_norm=norm,
            head=Head(vocab=rows, hidden=hidden, tied=True),
            max_positions=self.max_positions,
            initial_std=self.initial_std,
            huggingface=HuggingFace(
                model_class="BloomForCausalLM", config_class="BloomConfig", names=NAMES, config=config
            ),
        )
