"""How blocks are dealt to pipeline stages: evenly, the embedding and the head counted as work.

With 70 layers on 12 stages some stage must hold fewer; it should be one that also holds the vocabulary.
A stage with V virtual chunks holds chunk c of every round: stage p of P has chunks p, p + P, p + 2P, ...
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.architecture.stack import Architecture
from orchestrator.planning.layout import Layout


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Blocks [first, last) of the model, and whether the embedding or the head comes with them."""

    first: int
    last: int
    embedding: bool = False
    head: bool = False

    @property
    def layers(self) -> int:
        return self.last - self.first

    def parameters(self, architecture: Architecture) -> int:
        """Parameters of the chunk; a tied matrix counts where it is used, so on both ends."""
        total = sum(block.parameters for block in architecture.blocks[self.first : self.last])
        total += architecture.embedding.parameters if self.embedding else 0
        if self.head:
            alone = architecture.head.tied and not self.embedding
            shared = architecture.head.vocab * architecture.hidden if alone else 0
            total += architecture.final_norm.parameters + architecture.head.parameters + shared
        return total


Stages = tuple[tuple[Chunk, ...], ...]
"""[pipeline rank][virtual chunk]."""


def split(architecture: Architecture, layout: Layout) -> Stages:
    """The chunks of every pipeline rank.

    Blocks are dealt so that the heaviest chunk is as light as can be, in matrix parameters per token, the head's
    product counted as the work it is and the embedding's look-up as none; what is left over goes to the middle.
    """
    pieces = layout.pipeline * layout.virtual
    counts = _counts(architecture, pieces)
    edges = [sum(counts[:index]) for index in range(pieces + 1)]
    chunks = [
        Chunk(first=edges[index], last=edges[index + 1], embedding=index == 0, head=index == pieces - 1)
        for index in range(pieces)
    ]
    return tuple(tuple(chunks[stage :: layout.pipeline]) for stage in range(layout.pipeline))


def _counts(architecture: Architecture, pieces: int) -> list[int]:
    """Blocks per chunk, in model order."""
    layers = len(architecture.blocks)
    if pieces == 1:
        return [layers]
    block = max(1, architecture.blocks[0].matmul_parameters)
    extra = [0.0] * pieces
    extra[-1] = architecture.head.matmul_parameters / block
    # The embedding costs no time but as much memory as the head, and the first stage holds the most activations.
    extra[0] = architecture.embedding.parameters / block / 2
    counts = [1 if layers >= pieces else 0] * pieces
    order = sorted(range(pieces), key=lambda index: (abs(2 * index - pieces + 1), index))
    for _ in range(layers - sum(counts)):
        lightest = min(order, key=lambda index: counts[index] + extra[index])
        counts[lightest] += 1
    return counts
