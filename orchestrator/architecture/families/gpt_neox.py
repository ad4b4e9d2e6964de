"""GPT-NeoX (arXiv:2204.06745): LayerNorm, parallel residual, rotary positions on a part of each head.

Pythia is the same with other numbers. Attention and feed-forward read the layer's input behind a norm each.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from orchestrator.architecture.family import Family
from orchestrator.architecture.names import Names
from orchestrator.architecture.parts import Attention, Embedding, FeedForward, Head, LayerNorm, Rotary
from orchestrator.architecture.sizes import require_pairs, rounded_up
from orchestrator.architecture.stack import Architecture, Block, HuggingFace
from orchestrator.pages import Count
from orchestrator.registry import FAMILIES

NAMES = Names(
    embedding="gpt_neox.embed_in",
    attention_norm="gpt_neox.layers.{layer}.input_layernorm",
    qkv=("gpt_neox.layers.{layer}.attention.query_key_value",),
    attention_output="gpt_neox.layers.{layer}.attention.dense",
    feed_forward_norm="gpt_neox.layers.{layer}.post_attention_layernorm",
    up=("gpt_neox.layers.{layer}.mlp.dense_h_to_4h",),
    down="gpt_neox.layers.{layer}.mlp.dense_4h_to_h",
    final_norm="gpt_neox.final_layer_norm",
    head="lm_head",
)
ACTIVATIONS = {"gelu": "gelu", "gelu_tanh": "gelu_pytorch_tanh"}


@FAMILIES.register
class GPTNeoX(Family):
    """Numbers of a GPT-NeoX."""

    family: Literal["gpt_neox"]
    layers: int = Field(gt=0, le=10_000)
    hidden_size: int = Field(gt=0, le=2**20)
    heads: int = Field(gt=0, le=2**16)
    ffn_size: int | None = Field(default=None, gt=0, le=2**22)
    """Width of the feed-forward; four times `hidden_size` when not said."""
    activation: Literal["gelu", "gelu_tanh"] = "gelu"
    vocab_size: Count = Field(gt=1, le=2**26)
    vocab_multiple: int = Field(default=1, gt=0, le=2**20)
    """The embedding has `vocab_size` rows rounded up to a multiple of this."""
    max_positions: Count = Field(default=2048, gt=0, le=2**30)
    norm_eps: float = Field(default=1e-5, gt=0, lt=1)
    rope_theta: float = Field(default=10_000.0, gt=0)
    rotary_fraction: float = Field(default=0.25, gt=0, le=1)
    """The part of each head that rotary positions turn."""
    parallel_residual: bool = True
    """Whether the feed-forward reads the layer's input rather than what attention wrote."""
    tie_embeddings: bool = False
    initial_std: float = Field(default=0.02, gt=0, lt=10)

    @model_validator(mode="after")
    def _heads_turn_in_pairs(self) -> GPTNeoX:
        require_pairs(self.hidden_size, self.heads)
        if self._rotary_dims % 2 or not self._rotary_dims:
            width = self.hidden_size // self.heads
            close = max(2, round(width * self.rotary_fraction / 2) * 2) / width
            raise ValueError(
                f"rotary_fraction {self.rotary_fraction:g} of heads of width {width} is {self._rotary_dims} dimensions;"
                f" rotary positions turn pairs; fix: write rotary_fraction: {close:g}"
            )
        return self

    @property
    def _rotary_dims(self) -> int:
        return int(self.hidden_size // self.heads * self.rotary_fraction)

    def architecture(self) -> Architecture:
        hidden, head_dim = self.hidden_size, self.hidden_size // self.heads
        ffn_size, rows = self.ffn_size or 4 * hidden, rounded_up(self.vocab_size, self.vocab_multiple)
        norm = LayerNorm(hidden=hidden, eps=self.norm_eps)
        block = Block(
            attention=Attention(
                hidden=hidden, heads=self.heads, kv_heads=self.heads, head_dim=head_dim, bias=True, causal=True,
                position=Rotary(theta=self.rope_theta, head_dim=head_dim, dims=self._rotary_dims),
            ),
            feed_forward=FeedForward(hidden=hidden, size=ffn_size, activation=self.activation, bias=True),
            norm=norm,
            residual="parallel" if self.parallel_residual else "serial",
        )  # fmt: skip
        config = {
            "vocab_size": rows, "hidden_size": hidden, "intermediate_size": ffn_size, "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads, "max_position_embeddings": self.max_positions,
            "layer_norm_eps": self.norm_eps, "hidden_act": ACTIVATIONS[self.activation],
            "rope_parameters": {
                "rope_type": "default", "rope_theta": self.rope_theta, "partial_rotary_factor": self.rotary_fraction,
            },
            "use_parallel_residual": self.parallel_residual, "tie_word_embeddings": self.tie_embeddings,
            "initializer_range": self.initial_std, "attention_bias": True, "attention_dropout": 0.0, "hidden_dropout": 0.0,
        }  # fmt: skip
        return Architecture(
            embedding=Embedding(vocab=rows, hidden=hidden),
            blocks=(block,) * self.layers,
            final_norm=norm,
            head=Head(vocab=rows, hidden=hidden, tied=self.tie_embeddings),
            max_positions=self.max_positions,
            initial_std=self.initial_std,
            huggingface=HuggingFace(
                model_class="GPTNeoXForCausalLM", config_class="GPTNeoXConfig", names=NAMES, config=config
            ),
        )
