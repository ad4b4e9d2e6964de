"""How blocks can be dealt to pipeline stages and to their virtual chunks."""

from __future__ import annotations

from orchestrator.errors import Problem
from orchestrator.planning.rules.case import Case


def every_chunk_has_a_block(case: Case) -> Problem | None:
    """A chunk without a block would send its input on; uneven chunks are fine (`planning/stages.py` balances them)."""
    layout, layers = case.layout, len(case.architecture.blocks)
    chunks = layout.pipeline * layout.virtual
    if chunks == 1 or chunks <= layers:
        return None
    product = f"pipeline {layout.pipeline}" + (f" x virtual {layout.virtual} = {chunks}" if layout.virtual > 1 else "")
    return Problem(
        path="parallelism.virtual" if layout.pipeline <= layers else "parallelism.pipeline",
        message=f"{product} is more than the model's {layers} layers: each chunk needs at least one",
        fix=f"pipeline x virtual may be at most {layers}",
    )


def virtual_needs_three_stages(case: Case) -> Problem | None:
    """Interleaving sends a chunk's output around the ring of stages. With two, both neighbours are the same rank, and
    Megatron-core 0.16.1 without overlapped p2p mixes up what comes from which: the loss goes wrong without an error."""
    layout = case.layout
    if layout.virtual == 1 or layout.pipeline > 2:
        return None
    why = "with two stages both neighbours are one rank and the schedule goes wrong silently" if layout.pipeline == 2 else "there is no ring"
    return Problem(
        path="parallelism.virtual",
        message=f"virtual {layout.virtual} needs pipeline above 2, found {layout.pipeline}: {why}",
        fix="write virtual: 1, or pipeline: 3 or more",
    )
