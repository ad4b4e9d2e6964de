"""Parameters that one rank of a stage holds: what replicas reduce and gather, and what an optimizer steps through."""

from __future__ import annotations

from functools import lru_cache

from orchestrator.architecture.parts import MixtureOfExperts
from orchestrator.architecture.stack import Architecture, Block
from orchestrator.planning.layout import Layout
from orchestrator.planning.stages import Chunk


def on_rank(architecture: Architecture, layout: Layout, chunks: tuple[Chunk, ...]) -> tuple[float, float]:
    """(dense parameters, parameters of experts) of one rank."""
    dense = experts = 0.0
    for chunk in chunks:
        for block, count in counted(architecture, chunk):
            own, dealt = _block(block, layout.tensor, layout.expert * layout.expert_tensor)
            dense, experts = dense + count * own, experts + count * dealt
        dense += architecture.embedding.parameters / layout.tensor if chunk.embedding else 0
        if chunk.head and not (architecture.head.tied and any(each.embedding for each in chunks)):
            dense += architecture.head.vocab * architecture.hidden / layout.tensor
    return dense, experts


def counted(architecture: Architecture, chunk: Chunk) -> list[tuple[Block, int]]:
    """Each block of a chunk once, with how often it stands there."""
    blocks = architecture.blocks[chunk.first : chunk.last]
    if len(set(map(id, blocks))) == 1:
        return [(blocks[0], len(blocks))]
    found: dict[int, tuple[Block, int]] = {}
    for block in blocks:
        found[id(block)] = (block, found.get(id(block), (block, 0))[1] + 1)
    return list(found.values())


@lru_cache(maxsize=4096)
def _block(block: Block, tensor: int, folded: int) -> tuple[float, float]:
    part = block.feed_forward
    dense = 2 * block.norm.parameters + block.attention.parameters / tensor
    if not isinstance(part, MixtureOfExperts):
        return dense + part.parameters / tensor, 0.0
    return dense + part.router.parameters, part.router.experts * part.expert.parameters / folded
