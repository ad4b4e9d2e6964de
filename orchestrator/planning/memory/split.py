"""Which parameters a rank of a pipeline stage holds, and how many micro-batches are in flight there.

The stages of a pipeline need very different memory: the first holds most micro-batches in flight, the first and the
last hold the vocabulary. A mean would say that BLOOM fits where its first stage does not.

    parameters  blocks of the stage / tensor, norms whole; experts / (expert x expert_tensor); embedding and head on
                their stages, rows padded to a multiple of tensor
    in flight   stage p of P has P - p micro-batches under 1F1B (Narayanan et al. 2021, section 2.2), and with V
                virtual chunks 2 (P - p - 1) + (V - 1) P + 1 chunks
"""

from __future__ import annotations

from orchestrator.architecture.parts import MixtureOfExperts
from orchestrator.architecture.stack import Architecture, Block
from orchestrator.planning.layout import Layout
from orchestrator.planning.stages import Chunk


def padded_rows(vocab: int, tensor: int) -> int:
    """Rows of the embedding once padded so that every tensor rank holds as many."""
    return -(-vocab // tensor) * tensor


def in_flight(layout: Layout, stage: int, micro_batches: int) -> int:
    """Chunks of a stage whose activations are kept at the peak: micro-batches, counted once for each virtual chunk."""
    if layout.virtual == 1:
        return min(layout.pipeline - stage, micro_batches)
    most = 2 * (layout.pipeline - stage - 1) + (layout.virtual - 1) * layout.pipeline + 1
    return min(most, micro_batches * layout.virtual)


def weights_on_rank(architecture: Architecture, layout: Layout, chunks: tuple[Chunk, ...]) -> tuple[int, int]:
    """(dense parameters, parameters of experts) that one rank of a stage holds, ZeRO apart."""
    dense = experts = 0
    for block, count in counted(architecture, chunks):
        own, shared_out = block_on_rank(block, layout)
        dense, experts = dense + count * own, experts + count * shared_out
    return dense + edges_on_rank(architecture, layout, chunks), experts


def edges_on_rank(architecture: Architecture, layout: Layout, chunks: tuple[Chunk, ...]) -> int:
    """Parameters of embedding, final norm and head that one rank of a stage holds."""
    total = 0
    rows = padded_rows(architecture.embedding.vocab, layout.tensor) // layout.tensor * architecture.hidden
    first, last = any(chunk.embedding for chunk in chunks), any(chunk.head for chunk in chunks)
    if first:
        norm = architecture.embedding.norm
        total += rows + (norm.parameters if norm else 0)
    if last:
        total += architecture.final_norm.parameters + (0 if architecture.head.tied and first else rows)
    return total


def counted(architecture: Architecture, chunks: tuple[Chunk, ...]) -> list[tuple[Block, int]]:
    """Each block of a stage once with how often it stands there: most models repeat one."""
    found: dict[int, Block] = {}
    times: dict[int, int] = {}
    for chunk in chunks:
        for block in architecture.blocks[chunk.first : chunk.last]:
            found[id(block)] = block
            times[id(block)] = times.get(id(block), 0) + 1
    return [(block, times[key]) for key, block in found.items()]


def block_on_rank(block: Block, layout: Layout) -> tuple[int, int]:
    """(dense parameters, parameters of experts) of a block on one rank."""
    part, norms = block.feed_forward, 2 * block.norm.parameters
    attention = block.attention.parameters // layout.tensor
    if not isinstance(part, MixtureOfExperts):
        return norms + attention + part.parameters // layout.tensor, 0
    experts = part.router.experts * part.expert.parameters // (layout.expert * layout.expert_tensor)
    return norms + attention + part.router.parameters, experts
