"""A whole model as data: embedding, blocks, final norm, head; exact counts without a tensor library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from orchestrator.architecture.names import Names
from orchestrator.architecture.parts import (
    Attention,
    Embedding,
    FeedForwardPart,
    Head,
    MixtureOfExperts,
    Norm,
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """One layer: attention and feed-forward, each behind its norm.

    residual: `serial`, the feed-forward reads what attention wrote; `parallel`, both read the layer's input and
        their outputs are added (GPT-J, NeoX, PaLM).
    """

    attention: Attention
    feed_forward: FeedForwardPart
    norm: Norm
    norm_placement: Literal["pre"] = "pre"
    residual: Literal["serial", "parallel"] = "serial"

    @property
    def parameters(self) -> int:
        return self.attention.parameters + self.feed_forward.parameters + 2 * self.norm.parameters

    @property
    def matmul_parameters(self) -> int:
        return self.attention.matmul_parameters + self.feed_forward.matmul_parameters


@dataclass(frozen=True, kw_only=True)
class HuggingFace:
    """The `transformers` classes that are this architecture, the configuration that makes them so, and their names."""

    model_class: str
    config_class: str
    names: Names
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A decoder-only model. Everything that planners and engines read about a model is here."""

    embedding: Embedding
    blocks: tuple[Block, ...]
    final_norm: Norm
    head: Head
    max_positions: int
    initial_std: float
    huggingface: HuggingFace

    @property
    def hidden(self) -> int:
        return self.embedding.hidden

    @property
    def mixture(self) -> bool:
        """Whether any layer is a mixture of experts."""
        return any(isinstance(block.feed_forward, MixtureOfExperts) for block in self.blocks)

    @property
    def parameters(self) -> int:
        """Trainable parameters; a tied matrix counts once."""
        outer = self.embedding.parameters + self.final_norm.parameters + self.head.parameters
        return outer + sum(block.parameters for block in self.blocks)

    @property
    def matmul_parameters(self) -> int:
        """Parameters that each token is multiplied with: not the embedding look-up, but the head even when tied.

        Of a mixture of experts, those that one token meets.
        """
        return self.head.matmul_parameters + sum(block.matmul_parameters for block in self.blocks)
