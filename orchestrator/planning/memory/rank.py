"""The peak of one rank of a pipeline stage: all parts put together.

Two moments compete for the peak, and the larger counts: the loss, when every block's inputs are kept and the logits are
there, and the backward pass of a block, when the logits are gone and one block is computed again. What is kept between
them is the same. `activations` holds only what the block takes beyond the logits, so that the parts add up.

    activations  blocks' kept tensors x micro-batches in flight; under full recomputation their inputs, and one block whole
    logits       of the padded vocabulary / tensor, with copies and gradients, on the last stage
    buffers      gathered weights, buckets, neighbours' tensors, the whole sequence where a tensor group shares it out
    framework    context and kernels, and what every group of ranks needs of the communication library
    slack        a fraction of all that the allocator serves
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.architecture.stack import Block
from orchestrator.planning.calibration import Calibration
from orchestrator.planning.features import distinct
from orchestrator.planning.memory.activations import (
    MASK,
    cut_bytes,
    operators_bytes,
    score_bytes,
    temporary_bytes,
    whole_bytes,
)
from orchestrator.planning.memory.in_flight import in_flight
from orchestrator.planning.memory.parts import Memory
from orchestrator.planning.memory.states import bucket_bytes, gathered_bytes, states
from orchestrator.planning.shares import block_on_rank, counted, edges_on_rank, padded_rows
from orchestrator.planning.stages import Chunk
from orchestrator.planning.work import Work

COMMUNICATOR_BYTES = 128 * 2**20
"""Channels and staging buffers of one NCCL group: some 4 MiB a channel and direction (NCCL_BUFFSIZE), 8 to 16 channels."""

UNSETTLED = 2.0
"""On a CPU whose ranks exchange rows of experts, tensors have other sizes in every step, and the C library's heap fits none
of them into the holes of the last: measured after 20 steps of a mixture, 390 MB of heap for 130 MB in use (docs/log.md)."""


def _slack(work: Work, known: Calibration, *, on_cpu: bool) -> float:
    """What the allocator holds beyond what it serves, as a fraction of that."""
    unsettled = UNSETTLED if on_cpu and work.layout.expert > 1 else 0.0
    return max(unsettled, known.fragmentation)


@dataclass(frozen=True, kw_only=True)
class OfBlock:
    """What one block asks of a rank: parameters, bytes kept of one micro-batch, and bytes while it is differentiated."""

    dense: int
    experts: int
    kept: float
    working: float


def of_blocks(work: Work) -> dict[int, OfBlock]:
    """Each distinct block of the model by its `id`, asked once for all stages."""
    return {id(block): _of_block(work, block) for block in distinct(work.architecture.blocks)}


def _of_block(work: Work, block: Block) -> OfBlock:
    kept, how = kept_bytes(work, block), work.layout.recompute
    again = 0.0
    if how != "none":
        again = kept_bytes(work, block, recomputed=True) - (kept if how == "selective" else 0)
    temporary = tokens(work) * temporary_bytes(block, work.width, work.layout) / work.layout.tensor
    dense, experts = block_on_rank(block, work.layout)
    return OfBlock(dense=dense, experts=experts, kept=kept, working=again + temporary)


def memory_of_stage(
    work: Work, known: Calibration, stage: int, chunks: tuple[Chunk, ...], blocks: Mapping[int, OfBlock], *, on_cpu: bool
) -> Memory:
    """Peak bytes on one rank of pipeline stage `stage`, which holds `chunks` of `blocks`."""
    layout, architecture = work.layout, work.architecture
    counts = [(blocks[id(block)], count) for block, count in counted(architecture, chunks)]
    edges = edges_on_rank(architecture, layout, chunks)
    dense = edges + sum(block.dense * count for block, count in counts)
    experts = sum(block.experts * count for block, count in counts)
    held = states(work, dense, experts)
    kept = _kept(work, counts, chunks, in_flight(layout, stage, work.micro_batches))
    logits = _logits(work) if chunks[-1].head else 0
    largest = max((block.dense + block.experts for block, _ in counts), default=0)
    buffers = gathered_bytes(work, largest, edges, dense + experts) + bucket_bytes(work, dense + experts) + _exchanged(work)
    working = int(max((block.working for block, _ in counts), default=0.0))
    activations = kept + max(0, working - logits)
    # Gradients are cast when activations are gone, but in blocks of other sizes: what one moment leaves is kept for the next.
    cached = min(held.cast, activations + logits)
    gradients = held.gradients + held.cast - cached
    served = cached + held.weights + gradients + held.optimizer + activations + logits + buffers
    groups = 0 if on_cpu else _groups(work)
    return Memory(
        weights=held.weights, gradients=gradients, optimizer=held.optimizer, activations=activations, logits=logits,
        buffers=buffers, framework=known.framework_bytes + groups * COMMUNICATOR_BYTES, cached=cached, slack=int(served * _slack(work, known, on_cpu=on_cpu)),
        host=held.host,
    )  # fmt: skip


def kept_bytes(work: Work, block: Block, *, recomputed: bool = False) -> float:
    """What one block keeps of one micro-batch; `recomputed`: all of it, whatever the layout has computed again."""
    layout, held, width = work.layout, work.held, work.width
    shared = layout.tensor if layout.sequence_parallel else 1
    how = "none" if recomputed else layout.recompute
    if how == "full":
        return 0.0 if held.inputs_in_host else stream_bytes(work)
    if how == "selective" and held.selective == "operators":
        whole, cut = operators_bytes(block, width)
        return tokens(work) * (whole / shared + cut / layout.tensor)
    scores = 0 if how == "selective" else score_bytes(block, width, work.software, held, work.sequence_length)
    fused = len(work.architecture.huggingface.names.qkv) == 1
    again = held.again if how == "selective" else frozenset()
    cut = cut_bytes(block, width, held, layout, fused=fused, again=again) + scores
    return tokens(work) * (whole_bytes(block, width, held, again) / shared + cut / layout.tensor)


def tokens(work: Work) -> int:
    """Of a micro-batch, on one rank of a context group."""
    return work.layout.micro_batch * work.sequence_length // work.layout.context


def stream_bytes(work: Work) -> int:
    """A micro-batch's residual stream on one rank."""
    shared = work.layout.tensor if work.layout.sequence_parallel else 1
    return tokens(work) * work.architecture.hidden * work.width // shared


def _kept(work: Work, blocks: Sequence[tuple[OfBlock, int]], chunks: tuple[Chunk, ...], flying: int) -> int:
    """Bytes kept for the micro-batches in flight, and beside them the gradient that flows back."""
    layout, held, stream = work.layout, work.held, stream_bytes(work)
    per_chunk = sum(block.kept * count for block, count in blocks) / layout.virtual
    # The embedding's output is the first block's input, so only its dropout is more; a head has a norm's input and its own.
    mask = MASK / work.width if chunks[0].embedding and held.dropout else 0
    edges = mask + (held.keeps_outputs and layout.pipeline > 1)
    return int((per_chunk + edges * stream) * flying) + (2 if chunks[-1].head else 1) * stream


def _logits(work: Work) -> int:
    layout, held = work.layout, work.held
    rows = padded_rows(work.architecture.head.vocab, layout.tensor)
    return tokens(work) * rows // (1 if held.logits_whole else layout.tensor) * held.logit_bytes


def _exchanged(work: Work) -> int:
    """What arrives from the neighbouring stages, and the sequence made whole for both passes of a tensor group."""
    layout, stream = work.layout, stream_bytes(work)
    whole = 2 * stream * layout.tensor if layout.sequence_parallel and layout.tensor > 1 else 0
    return (2 * stream if layout.pipeline > 1 else 0) + whole


def _groups(work: Work) -> int:
    """Communicators of a rank: one an axis in use."""
    layout = work.layout
    return sum(degree > 1 for degree in (layout.data, layout.context, layout.tensor, layout.pipeline, layout.expert))
