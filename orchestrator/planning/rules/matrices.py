"""How far matrices and sequences can be cut: tensor, sequence and context parallelism against the model's sizes."""

from __future__ import annotations

from orchestrator.architecture.parts import MixtureOfExperts
from orchestrator.errors import Problem
from orchestrator.planning.rules.case import Case, divisors, listed


def tensor_divides_heads(case: Case) -> Problem | None:
    """Each tensor-parallel rank holds whole heads (Megatron-LM, arXiv:1909.08053, section 3)."""
    tensor = case.layout.tensor
    for block in case.blocks:
        heads = block.attention.heads
        if heads % tensor:
            return Problem(
                path="parallelism.tensor",
                message=f"{heads} attention heads are not a multiple of tensor {tensor}",
                fix=f"tensor must divide them: {listed(divisors(heads, at_most=heads))}",
            )
    return None


def tensor_divides_kv_heads(case: Case) -> Problem | None:
    """Each rank holds whole query groups. Megatron-core 0.16.1 would also give one group to several ranks (`attention.py`,
    num_query_groups < world_size), and each would then hold a slice of q, k and v that is no canonical weight's."""
    tensor = case.layout.tensor
    for block in case.blocks:
        heads, groups = block.attention.heads, block.attention.kv_heads
        if heads % tensor == 0 and groups % tensor:
            return Problem(
                path="parallelism.tensor",
                message=f"{groups} key and value heads are not a multiple of tensor {tensor}",
                fix=f"tensor must divide them: {listed(divisors(groups, at_most=groups))}",
            )
    return None


def tensor_divides_feed_forward(case: Case) -> Problem | None:
    """The first matrix is cut by columns, the second by rows, at the same places. (The vocabulary is padded instead.)"""
    tensor = case.layout.tensor
    for block in case.blocks:
        part = block.feed_forward
        if not isinstance(part, MixtureOfExperts) and part.size % tensor:
            return Problem(
                path="parallelism.tensor",
                message=f"feed-forward size {part.size} is not a multiple of tensor {tensor}",
                fix=f"tensor must divide it: {listed(divisors(part.size, at_most=64))}",
            )
    return None


def sequence_parallel_needs_tensor(case: Case) -> Problem | None:
    """It shares out, among the ranks of one tensor group, what they would all hold (Korthikanti et al. 2022)."""
    if not case.layout.sequence_parallel or case.layout.tensor > 1:
        return None
    return Problem(
        path="parallelism.sequence_parallel",
        message="sequence_parallel needs tensor above 1: the ranks of a tensor group share out the sequence, found tensor 1",
        fix="write sequence_parallel: false, or tensor: 2",
    )


def sequence_parallel_divides_sequence(case: Case) -> Problem | None:
    """Every rank of a tensor group takes an equal piece of what context parallelism left of the sequence."""
    layout, length = case.layout, case.spec.data.sequence_length
    if not layout.sequence_parallel or layout.tensor == 1 or length % (layout.context * layout.tensor) == 0:
        return None
    context = f" x context {layout.context}" if layout.context > 1 else ""
    return Problem(
        path="parallelism.sequence_parallel",
        message=f"sequence_length {length} is not a multiple of tensor {layout.tensor}{context}",
        fix="write sequence_parallel: false, or a sequence_length that they divide",
    )


def context_divides_sequence(case: Case) -> Problem | None:
    """Each rank takes a piece from the front and its mirror from the back, so that causal work is even: 2 x context pieces."""
    context, length = case.layout.context, case.spec.data.sequence_length
    if context == 1 or length % (2 * context) == 0:
        return None
    return Problem(
        path="parallelism.context",
        message=f"sequence_length {length} is not a multiple of 2 x context {context} = {2 * context}: each rank takes"
        " one piece from the front and one from the back",
        fix=f"2 x context must divide it: {listed(divisors(max(1, length // 2), at_most=64))}",
    )


def context_divides_heads(case: Case) -> Problem | None:
    """Ranks of a context group exchange sequence for heads by all-to-all (DeepSpeed-Ulysses, arXiv:2309.14509): each gets
    whole heads of its tensor rank's; key and value heads that are fewer are repeated, so one count divides the other."""
    layout = case.layout
    for block in case.blocks:
        heads, groups = block.attention.heads // layout.tensor, max(1, block.attention.kv_heads // layout.tensor)
        if layout.context == 1 or block.attention.heads % layout.tensor:
            continue
        if heads % layout.context or (groups % layout.context and layout.context % groups):
            return Problem(
                path="parallelism.context",
                message=f"{block.attention.heads} attention heads ({block.attention.kv_heads} of keys and values) over tensor"
                f" {layout.tensor} cannot be shared out among context {layout.context}",
                fix=f"context must divide {heads} heads: {listed(divisors(heads, at_most=heads))}",
            )
    return None
