"""The decoder of one pipeline chunk: Megatron-core's GPTModel with our layers, and batches cut for context parallelism."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from megatron.core.models.gpt.gpt_model import GPTModel
from megatron.core.process_groups_config import ProcessGroupCollection
from megatron.core.transformer.module import Float16Module
from megatron.core.transformer.transformer_block import TransformerBlockSubmodules
from torch import Tensor

from orchestrator.architecture.parts import Rotary

if TYPE_CHECKING:
    from orchestrator.architecture.stack import Architecture
    from orchestrator.engines.megatron.translate import Translation
    from orchestrator.planning.plan import Plan
    from orchestrator.planning.stages import Chunk


class Decoder(GPTModel):
    """GPTModel whose embedding may be followed by a norm (BLOOM) and whose output is this rank's logits."""

    def __init__(self, embedding_norm: Any = None, **keywords: Any) -> None:
        super().__init__(**keywords)
        config = self.config
        self.embedding_norm = (
            embedding_norm(config=config, hidden_size=config.hidden_size, eps=config.layernorm_epsilon)
            if embedding_norm is not None and self.pre_process
            else None
        )

    def _preprocess(self, *args: Any, **keywords: Any) -> tuple[Any, ...]:
        embedded, *rest = super()._preprocess(*args, **keywords)
        return (embedded if self.embedding_norm is None else self.embedding_norm(embedded), *rest)

    def _postprocess(self, hidden_states: Tensor, **_: Any) -> Tensor:
        """Hidden states [S, B, H] for the next stage, or, from the last one, logits [S, B, V / T]."""
        if not self.post_process:
            return hidden_states
        shared = self.share_embeddings_and_output_weights
        weight = self.shared_embedding_or_output_weight() if shared else None
        logits, _ = self.output_layer(hidden_states, weight=weight)
        return logits


def build_chunk(plan: Plan, translation: Translation, chunk: Chunk, virtual: int | None) -> torch.nn.Module:
    """The chunk with uninitialised weights; `virtual` is its number on this rank, None where there is one."""
    architecture = plan.architecture
    position = architecture.blocks[0].attention.position
    rotary = position if isinstance(position, Rotary) else None
    model: Any = Decoder(
        embedding_norm=translation.embedding_norm,
        config=translation.config,
        transformer_layer_spec=TransformerBlockSubmodules(
            layer_specs=list(translation.layers[chunk.first : chunk.last]), layer_norm=translation.final_norm
        ),
        vocab_size=padded_vocab(architecture, plan.layout.tensor),
        max_sequence_length=architecture.max_positions,
        pre_process=chunk.embedding,
        post_process=chunk.head,
        parallel_output=True,
        share_embeddings_and_output_weights=architecture.head.tied,
        position_embedding_type="rope" if rotary else "none",
        rotary_percent=rotary_percent(rotary) if rotary else 1.0,
        rotary_base=rotary.theta if rotary else 10_000,
        vp_stage=virtual,
        pg_collection=ProcessGroupCollection.use_mpu_process_groups(),
    )
    if plan.device == "cuda":
        model.cuda(torch.cuda.current_device())
    return Float16Module(translation.config, model) if translation.config.bf16 else model


def rotary_percent(rotary: Rotary) -> float:
    """The share of a head that core turns back into `dims` by int(head_dim x share): 26 / 46 would give 25."""
    return 1.0 if rotary.dims == rotary.head_dim else (rotary.dims + 0.5) / rotary.head_dim


def padded_vocab(architecture: Architecture, tensor: int) -> int:
    """Rows of embedding and head: rounded up so that every tensor rank holds as many."""
    return -(-architecture.embedding.vocab // tensor) * tensor


def zigzag(tensor: Tensor, *, rank: int, ranks: int) -> Tensor:
    """The two chunks of dim 1 that a context rank holds, r and 2C-1-r of 2C: an even share of a causal mask's work."""
    if ranks == 1:
        return tensor
    chunks = tensor.chunk(2 * ranks, dim=1)
    return torch.cat([chunks[rank], chunks[2 * ranks - 1 - rank]], dim=1)
