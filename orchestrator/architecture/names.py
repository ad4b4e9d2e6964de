"""Where `transformers` keeps the weights of each part, so that weights move between engines in both directions.

Every library names and packs the same matrices otherwise. The names of the Hugging Face module are the
canonical ones here: checkpoints hold them, and each engine knows how its own memory maps to them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Names:
    """Parameter names without `.weight` or `.bias`; `{layer}` stands for the block's number.

    qkv: the three projections, or the single fused one, whose rows go query, key, value head by head.
    up: the matrices that enter the feed-forward: gate and up, or the only one.
    experts_up, experts_down: whole parameter names of the stacked experts, [experts, 2 x size, hidden] (gate rows
        first) and [experts, hidden, size].
    """

    embedding: str
    embedding_norm: str = ""
    attention_norm: str
    qkv: tuple[str, ...]
    attention_output: str
    feed_forward_norm: str
    up: tuple[str, ...] = ()
    down: str = ""
    router: str = ""
    experts_up: str = ""
    experts_down: str = ""
    final_norm: str
    head: str


LLAMA_LIKE = Names(
    embedding="model.embed_tokens",
    attention_norm="model.layers.{layer}.input_layernorm",
    qkv=tuple(f"model.layers.{{layer}}.self_attn.{part}_proj" for part in "qkv"),
    attention_output="model.layers.{layer}.self_attn.o_proj",
    feed_forward_norm="model.layers.{layer}.post_attention_layernorm",
    up=("model.layers.{layer}.mlp.gate_proj", "model.layers.{layer}.mlp.up_proj"),
    down="model.layers.{layer}.mlp.down_proj",
    final_norm="model.norm",
    head="lm_head",
)
"""Names that many families of `transformers` share."""
