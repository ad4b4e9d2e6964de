"""Which parameters a rank of a pipeline stage holds, ZeRO apart: one count for time and for memory.

    blocks      matrices / tensor, norms and routers whole; experts / (expert x expert_tensor), the unit that every token
                meets beside them / tensor
    vocabulary  embedding and head on their stages, rows padded to a multiple of tensor (engines/megatron/model.py)
"""

from __future__ import annotations

from functools import lru_cache

from orchestrator.architecture.parts import MixtureOfExperts
from orchestrator.architecture.stack import Architecture, Block
from orchestrator.planning.layout import Layout
from orchestrator.planning.stages import Chunk


def on_rank(architecture: Architecture, layout: Layout, chunks: tuple[Chunk, ...]) -> tuple[int, int]:
    """(dense parameters, parameters of experts) of one rank of the stage that holds `chunks`."""
    dense, experts = edges_on_rank(architecture, layout, chunks), 0
    for block, count in counted(architecture, chunks):
        own, dealt = block_on_rank(block, layout)
        dense, experts = dense + count * own, experts + count * dealt
    return dense, experts


def block_on_rank(block: Block, layout: Layout) -> tuple[int, int]:
    """(dense parameters, parameters of experts) of a block on one rank."""
    return _block(block, layout.tensor, layout.expert * layout.expert_tensor)


@lru_cache(maxsize=4096)
def _block(block: Block, tensor: int, folded: int) -> tuple[int, int]:
    part = block.feed_forward
    dense = 2 * block.norm.parameters + block.attention.parameters // tensor
    if not isinstance(part, MixtureOfExperts):
        return dense + part.parameters // tensor, 0
    always = part.router.parameters + part.shared_parameters // tensor
    return dense + always, part.router.experts * part.expert.parameters // folded


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


def padded_rows(vocab: int, tensor: int, multiple: int = 1) -> int:
    """Rows of the embedding once padded so that every tensor rank holds as many, and a multiple of `multiple`."""
    return -(-vocab // (tensor * multiple)) * tensor * multiple


def counted(architecture: Architecture, chunks: tuple[Chunk, ...]) -> list[tuple[Block, int]]:
    """Each block of a stage once with how often it stands there: most models repeat one."""
    blocks = [block for chunk in chunks for block in architecture.blocks[chunk.first : chunk.last]]
    if len(set(map(id, blocks))) == 1:
        return [(blocks[0], len(blocks))]
    found: dict[int, tuple[Block, int]] = {}
    for block in blocks:
        found[id(block)] = (block, found.get(id(block), (block, 0))[1] + 1)
    return list(found.values())
