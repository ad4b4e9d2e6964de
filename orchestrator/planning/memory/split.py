"""Bytes per rank of each pipeline stage: what tensor, pipeline, context and expert parallelism leave on a rank.

The stages of a pipeline need very different memory: the first holds most micro-batches in flight, the first and the
last hold the vocabulary. A mean would say that BLOOM fits where its first stage does not.

    weights       blocks of the stage / tensor, norms whole; experts / (expert x expert_tensor); embedding and head on
                  their stages, rows padded to a multiple of tensor
    gradients     one fp32 buffer of the same size (Megatron-core accumulates in fp32)
    optimizer     fp32 master (in bf16) and moments; with ZeRO 1 divided over data x context, experts over the ranks
                  that hold the same experts
    activations   of the micro-batches in flight: stage p of P has P - p under 1F1B (Narayanan et al. 2021, section
                  2.2), and with V virtual chunks 2 (P - p - 1) + (V - 1) P + 1 chunks
    logits        fp32 of the padded vocabulary / tensor, their gradient and a copy, on the last stage

Recomputation `selective` saves nothing here: fused attention keeps no scores that could be computed again.
These are estimates, not yet fitted to measurements.
"""

from __future__ import annotations

from orchestrator.architecture.parts import MixtureOfExperts
from orchestrator.architecture.stack import Architecture, Block
from orchestrator.planning.features import distinct
from orchestrator.planning.layout import Layout
from orchestrator.planning.memory.activations import cut_elements, whole_elements
from orchestrator.planning.memory.parts import Memory
from orchestrator.planning.stages import Chunk, split


def padded_rows(vocab: int, tensor: int) -> int:
    """Rows of the embedding once padded so that every tensor rank holds as many."""
    return -(-vocab // tensor) * tensor


def estimate_stages(
    architecture: Architecture, layout: Layout, *, framework: int, precision: str, optimizer: str, sequence_length: int,
    micro_batches: int,
) -> tuple[Memory, ...]:  # fmt: skip
    """Peak bytes on one rank of every pipeline stage. `micro_batches`: per step and data-parallel replica."""
    return tuple(
        _stage(
            architecture, layout, chunks, in_flight(layout, stage, micro_batches), framework=framework, precision=precision,
            moments=8 if optimizer == "adamw" else 1, tokens=layout.micro_batch * sequence_length // layout.context,
        )
        for stage, chunks in enumerate(split(architecture, layout))
    )  # fmt: skip


def in_flight(layout: Layout, stage: int, micro_batches: int) -> int:
    """Chunks of a stage whose activations are kept at the peak: micro-batches, counted once for each virtual chunk."""
    if layout.virtual == 1:
        return min(layout.pipeline - stage, micro_batches)
    most = 2 * (layout.pipeline - stage - 1) + (layout.virtual - 1) * layout.pipeline + 1
    return min(most, micro_batches * layout.virtual)


def weights_on_rank(architecture: Architecture, layout: Layout, chunks: tuple[Chunk, ...]) -> tuple[int, int]:
    """(dense parameters, parameters of experts) that one rank of a stage holds."""
    dense = experts = 0
    for chunk in chunks:
        for block, count in counted(architecture.blocks[chunk.first : chunk.last]):
            own, shared_out = _block_on_rank(block, layout)
            dense, experts = dense + count * own, experts + count * shared_out
        rows = padded_rows(architecture.embedding.vocab, layout.tensor) // layout.tensor * architecture.hidden
        if chunk.embedding:
            norm = architecture.embedding.norm
            dense += rows + (norm.parameters if norm else 0)
        if chunk.head:
            alone = not (architecture.head.tied and chunk.embedding)
            dense += architecture.final_norm.parameters + (rows if alone else 0)
    return dense, experts


def counted(blocks: tuple[Block, ...]) -> list[tuple[Block, int]]:
    """Each block once with how often it stands there: most models repeat one."""
    times: dict[int, int] = {}
    for block in blocks:
        times[id(block)] = times.get(id(block), 0) + 1
    return [(block, times[id(block)]) for block in distinct(blocks)]


def _block_on_rank(block: Block, layout: Layout) -> tuple[int, int]:
    part, norms = block.feed_forward, 2 * block.norm.parameters
    attention = block.attention.parameters // layout.tensor
    if not isinstance(part, MixtureOfExperts):
        return norms + attention + part.parameters // layout.tensor, 0
    experts = part.router.experts * part.expert.parameters // (layout.expert * layout.expert_tensor)
    return norms + attention + part.router.parameters, experts


def _stage(
    architecture: Architecture, layout: Layout, chunks: tuple[Chunk, ...], flying: int, *, framework: int, precision: str,
    moments: int, tokens: int,
) -> Memory:  # fmt: skip
    width = 2 if precision == "bf16" else 4
    states = moments + (4 if precision == "bf16" else 0)
    dense, experts = weights_on_rank(architecture, layout, chunks)
    replicas = layout.data * layout.context
    expert_replicas = replicas * layout.tensor // (layout.expert * layout.expert_tensor)
    optimizer = dense * states // (replicas if layout.zero else 1) + experts * states // (expert_replicas if layout.zero else 1)
    shared = layout.tensor if layout.sequence_parallel else 1
    stream = tokens * architecture.hidden * width // shared
    kept = [
        (tokens * width * (whole_elements(block) // shared + cut_elements(block) // layout.tensor), count)
        for chunk in chunks for block, count in counted(architecture.blocks[chunk.first : chunk.last])
    ]  # fmt: skip
    whole = layout.recompute == "full"
    per_chunk = sum((stream if whole else size) * count for size, count in kept) // layout.virtual
    working = max((size for size, _ in kept), default=0) if whole else 0
    edges = stream * flying if chunks[0].embedding else 0
    rows = padded_rows(architecture.head.vocab, layout.tensor) // layout.tensor
    return Memory(
        weights=(dense + experts) * width,
        gradients=(dense + experts) * 4,
        optimizer=optimizer,
        activations=per_chunk * flying + working + edges + stream,
        logits=tokens * rows * (2 * 4 + width) if chunks[-1].head else 0,
        # What arrives from the neighbouring stages, and the whole sequence where a tensor group shares it out.
        buffers=(2 * stream if layout.pipeline > 1 else 0) + (stream * shared if shared > 1 else 0),
        framework=framework,
        host=0,
    )
