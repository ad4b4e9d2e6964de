"""Which documents are never trained on: decided by the hash of the document's id.

So adding documents moves none from one side to the other, and neither order nor sharding of the input
matters. A source whose hashes all fall outside the held-out share still gives one document, from its first
block: the one of the smallest hash so far waits in hand until a better one, or the end, comes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np

from data_pipeline.prepared import Split
from data_pipeline.sources import Document


def rank_of(document: Document, seed: int) -> float:
    """Uniform in [0, 1), a function of the mixture's seed and the document's source and id."""
    text = f"{seed}\n{document.source}\n{document.id}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2.0**64


def hold_out(
    encoded: Iterable[tuple[Document, np.ndarray]], *, fraction: float, seed: int, one_at_least: bool = True
) -> Iterator[tuple[Split, Document, np.ndarray]]:
    """Sends each document of one block, with its tokens, to a split.

    With `one_at_least`, one is held out wherever there are two; an only document is trained on. The first block of a source asks
    for it, so a source whose first block gave none or one may have none held out.
    """
    waiting: tuple[Document, np.ndarray] | None = None
    smallest, held, trained = 1.0, 0, 0
    for document, ids in encoded:
        rank = rank_of(document, seed)
        if rank < fraction:
            held += 1
            yield "validation", document, ids
            continue
        turn: tuple[Document, np.ndarray] | None = (document, ids)
        if one_at_least and not held and rank < smallest:
            smallest, waiting, turn = rank, (document, ids), waiting
        if turn is not None:
            trained += 1
            yield "train", *turn
    if waiting is not None:
        yield "train" if held or not trained else "validation", *waiting
