"""The ends of a model: the head's product with its loss, and the embedding's look-up, on one rank per micro-batch."""

from __future__ import annotations

from orchestrator.architecture.stack import Architecture
from orchestrator.planning.shares import padded_rows
from orchestrator.planning.timing.attention import Scores
from orchestrator.planning.timing.layer import Pass, Slice
from orchestrator.planning.timing.products import product

LOSS_BYTES = (16, 14)
"""Per logit, forward and backward, in single fp32 operations: cast, maximum, exponential, sum; gradient, cast.
A count."""
LOSS_BYTES_COMPILED = (8, 8)
"""Fewer passes over them, once a compiler has fused these. Assumed."""


def head_cost(architecture: Architecture, part: Slice) -> tuple[Pass, Pass]:
    """(forward, backward) of final norm, logits and loss; the head's product stays in the wide precision."""
    hidden, tokens = architecture.hidden, part.tokens
    rows = padded_rows(architecture.head.vocab, part.tensor, part.software.vocab_multiple) // part.tensor
    unit = part.unit
    logits = product(tokens, rows, hidden, unit)
    backward = (product(tokens, hidden, rows, unit), product(rows, hidden, tokens, unit))
    first, second = LOSS_BYTES_COMPILED if part.software.compiled else LOSS_BYTES
    cells = tokens * rows / unit.bandwidth
    norm = tokens * hidden * part.width / unit.bandwidth
    added = rows * hidden * part.accumulates / unit.bandwidth
    return (
        Pass(products=(logits,), scores=Scores(), moved=first * cells + 2 * norm, host=15),
        Pass(products=backward, scores=Scores(), moved=second * cells + 4 * norm + added, host=20),
    )


def embedding_cost(architecture: Architecture, part: Slice) -> tuple[Pass, Pass]:
    """(forward, backward) of the look-up: rows copied, and a gradient as large as the table."""
    hidden, bandwidth = architecture.hidden, part.unit.bandwidth
    rows = padded_rows(architecture.embedding.vocab, part.tensor, part.software.vocab_multiple) // part.tensor
    copied = 2 * part.tokens * hidden * part.width / bandwidth
    table = rows * hidden * (part.accumulates + part.width) / bandwidth
    return (
        Pass(products=(), scores=Scores(), moved=copied, host=8),
        Pass(products=(), scores=Scores(), moved=copied + table, host=8),
    )
