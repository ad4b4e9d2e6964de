"""What is legal, as one table: each rule looks at a case and returns its complaint, or nothing.

Illegal combinations used to surface after allocation, on the fourteenth rank, in a library's words. Here
they end the plan, with the numbers and the nearest legal change.

    case.py       what a rule looks at: a layout of a run on some hardware
    page.py       the page alone
    engine.py     axes, parts, ZeRO stages, optimizers that an engine has
    batch.py      devices and batches
    matrices.py   tensor, sequence and context parallelism
    lengths.py    sequences that grow on the way
    stages.py     pipeline and virtual stages
    experts.py    expert parallelism
    placement.py  what must lie inside one node
"""

from __future__ import annotations

from typing import Any

from orchestrator.errors import PageError, PlanError
from orchestrator.planning.rules import batch, engine, experts, matrices, placement, stages
from orchestrator.planning.rules.case import Case, Rule, batch_sizes_gcd, case_of, divisors, needs
from orchestrator.planning.rules.page import PAGE_RULES
from orchestrator.spec.run import RunSpec

__all__ = ["RULES", "Case", "Rule", "batch_sizes_gcd", "breaks_no_rule", "case_of", "check", "check_page", "divisors"]

RULES: tuple[Rule, ...] = (
    engine.engine_has_parts,
    engine.sizes_of_engine,
    engine.engine_keeps_documents_apart,
    engine.optimizer_of_engine,
    *engine.HAS_AXES,
    engine.expert_tensor_of_engine,
    engine.sequence_parallel_of_engine,
    engine.recompute_of_engine,
    engine.zero_stage_of_engine,
    engine.zero_stage_of_optimizer,
    engine.offload_is_legal,
    engine.precision_is_supported,
    *needs("tensor", matrices.tensor_divides_heads, matrices.tensor_divides_kv_heads, matrices.tensor_divides_feed_forward),
    *needs("sequence_parallel", matrices.sequence_parallel_needs_tensor, matrices.sequence_parallel_divides_sequence),
    *needs("context", matrices.context_divides_sequence, matrices.context_divides_heads),
    *needs("pipeline", stages.every_chunk_has_a_block),
    *needs("virtual", stages.virtual_needs_three_stages, batch.interleaved_rounds_are_whole),
    *needs("expert", experts.expert_needs_experts, experts.expert_divides_experts, experts.expert_folds_into_the_ranks),
    *needs("expert", experts.expert_tensor_divides_expert, experts.router_bias_needs_sigmoid, experts.one_expert_needs_sigmoid),
    *needs("tensor", placement.tensor_stays_in_a_node),
    *needs("expert", placement.experts_stay_in_a_node),
    batch.world_fits,
    batch.batch_divides,
)


def check(case: Case) -> None:
    """Raises PageError when the page contradicts itself, else PlanError with every rule that the case breaks."""
    check_page(case.spec)
    complaints = [complaint for rule in RULES if (complaint := rule(case))]
    if complaints:
        raise PlanError(complaints)


def breaks_no_rule(case: Case) -> bool:
    """Whether every rule of the table is content; stops at the first that is not."""
    return not any(rule(case) for rule in RULES)


def check_page(spec: RunSpec[Any]) -> None:
    """Raises PageError with every rule broken that looks at nothing but the page."""
    architecture = spec.model.architecture()
    complaints = [complaint for rule in PAGE_RULES if (complaint := rule(spec, architecture))]
    if complaints:
        raise PageError(complaints)
