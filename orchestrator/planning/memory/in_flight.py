"""How many micro-batches are in flight on a stage: the first holds most, so that a mean would say that BLOOM fits where its
first stage does not.

Stage p of P has P - p micro-batches under 1F1B (Narayanan et al. 2021, section 2.2), and with V virtual chunks
2 (P - p - 1) + (V - 1) P + 1 chunks.
"""

from __future__ import annotations

from orchestrator.planning.layout import Layout


def in_flight(layout: Layout, stage: int, micro_batches: int) -> int:
    """Chunks of a stage whose activations are kept at the peak: micro-batches, counted once for each virtual chunk."""
    if layout.virtual == 1:
        return min(layout.pipeline - stage, micro_batches)
    most = 2 * (layout.pipeline - stage - 1) + (layout.virtual - 1) * layout.pipeline + 1
    return min(most, micro_batches * layout.virtual)
