"""How experts can be shared out: the folding of expert parallelism into the ranks of data, context and tensor."""

from __future__ import annotations

from orchestrator.errors import Problem
from orchestrator.planning.rules.case import Case, divisors, listed


def expert_needs_experts(case: Case) -> Problem | None:
    """A dense model has nothing to share out by expert."""
    layout = case.layout
    if case.mixtures or (layout.expert == 1 and layout.expert_tensor in (1, layout.tensor)):
        return None
    axis = "expert" if layout.expert > 1 else "expert_tensor"
    return Problem(
        path=f"parallelism.{axis}",
        message=f"{axis} {getattr(layout, axis)} needs a mixture of experts, and this model has none",
        fix=f"write {axis}: {1 if axis == 'expert' else 'auto'}",
    )


def expert_divides_experts(case: Case) -> Problem | None:
    """Each rank of an expert group holds as many experts as the next."""
    expert = case.layout.expert
    for part in case.mixtures:
        if part.router.experts % expert:
            return Problem(
                path="parallelism.expert",
                message=f"{part.router.experts} experts are not a multiple of expert {expert}",
                fix=f"expert must divide them: {listed(divisors(part.router.experts, at_most=part.router.experts))}",
            )
    return None


def expert_folds_into_the_ranks(case: Case) -> Problem | None:
    """Expert layers fold the same ranks anew, stage by stage: expert_tensor x expert x expert-data = data x context x tensor
    (Megatron-core's `parallel_state`, MoE parallel folding, arXiv:2504.14960). Experts cost no further devices."""
    layout = case.layout
    if not case.mixtures:
        return None
    folded, plane = layout.expert * layout.expert_tensor, layout.data * layout.context * layout.tensor
    if plane % folded == 0:
        return None
    context = f" x context {layout.context}" if layout.context > 1 else ""
    return Problem(
        path="parallelism.expert" if layout.expert > 1 else "parallelism.expert_tensor",
        message=f"expert {layout.expert} x expert_tensor {layout.expert_tensor} = {folded} does not divide"
        f" data {layout.data}{context} x tensor {layout.tensor} = {plane}, whose ranks share out the experts",
        fix=f"expert x expert_tensor must divide {plane}: {listed(divisors(plane, at_most=plane))}",
    )


def expert_tensor_divides_expert(case: Case) -> Problem | None:
    """An expert's matrices are cut as a feed-forward's are."""
    cut = case.layout.expert_tensor
    for part in case.mixtures:
        if part.expert.size % cut:
            return Problem(
                path="parallelism.expert_tensor",
                message=f"expert size {part.expert.size} is not a multiple of expert_tensor {cut}",
                fix=f"expert_tensor must divide it: {listed(divisors(part.expert.size, at_most=64))}",
            )
    return None


def router_bias_needs_sigmoid(case: Case) -> Problem | None:
    """Megatron-core's bias for choosing experts is written for sigmoid scores only (`TransformerConfig.__post_init__`,
    moe_router_enable_expert_bias, 0.16.1); added to a softmax it would be refused in the worker."""
    for part in case.mixtures:
        if part.router.bias_rate and part.router.scores != "sigmoid" and "expert" in case.able.axes:
            return Problem(
                path="model",
                message=f"Router.bias_rate needs sigmoid scores on engine {case.layout.engine}, and this router's are"
                f" {part.router.scores}",
                fix="choose sigmoid scores, or no bias and a balance loss",
            )
    return None


def one_expert_needs_sigmoid(case: Case) -> Problem | None:
    """A softmax over the one chosen expert is 1 whatever the router says, so no gradient reaches it: Megatron-core refuses it
    (`TransformerConfig.__post_init__`, moe_router_topk, 0.16.1) but for a softmax over all experts, whose weight is less than
    the 1 of `transformers`' Mixtral (`MixtralTopKRouter` divides by the sum of the chosen): another model."""
    for part in case.mixtures:
        if part.router.per_token == 1 and part.router.scores == "softmax" and "expert" in case.able.axes:
            return Problem(
                path="model",
                message=f"engine {case.layout.engine} has no softmax router with 1 expert per token: its weight would be 1 and"
                " its gradient 0",
                fix="choose 2 experts per token or more, or sigmoid scores",
            )
    return None
