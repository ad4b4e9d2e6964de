"""Documents packed into one row and kept apart give what each of them gives alone."""

from __future__ import annotations

import pytest
import torch

from orchestrator.errors import PlanError
from orchestrator.models.build import build_module, initialiser
from orchestrator.objectives.causal_lm import CausalLM, positions_of
from tests.plans import MODELS, tiny_plan

LENGTHS = (11, 1, 12, 6)
TAKES_POSITIONS = [family for family in MODELS if family != "bloom"]


def test_positions_begin_again_with_each_document() -> None:
    documents = torch.tensor([[0, 0, 0, 1, 1, 2], [4, 5, 5, 5, 5, 5]], dtype=torch.int32)
    assert positions_of(documents).tolist() == [[0, 1, 2, 0, 1, 0], [0, 0, 1, 2, 3, 4]]


@pytest.mark.parametrize("family", TAKES_POSITIONS)
def test_the_loss_of_a_row_is_that_of_its_documents_alone(family: str) -> None:
    """The last token of a document still predicts the first of the next: no target is lost, none is added."""
    plan = tiny_plan(family=family)
    model = build_module(plan.architecture, dtype=torch.float32, device=torch.device("cpu")).eval()
    weights = initialiser(plan.architecture, 3)
    for name, parameter in model.named_parameters():
        parameter.data.copy_(weights.whole(name, parameter.shape))
    objective = CausalLM()
    tokens = torch.randint(0, 250, (2, sum(LENGTHS) + 1), generator=torch.Generator().manual_seed(0))
    documents = torch.repeat_interleave(torch.arange(5), torch.tensor([*LENGTHS, 1])).expand(2, -1)
    together = objective.loss(model, objective.collate(tokens, documents)).loss.item()
    alone, at = 0.0, 0
    for length in LENGTHS:
        alone += objective.loss(model, objective.collate(tokens[:, at : at + length + 1])).loss.item() * length
        at += length
    assert together == pytest.approx(alone / sum(LENGTHS), rel=1e-6)
    assert objective.loss(model, objective.collate(tokens)).loss.item() != pytest.approx(together, rel=1e-6)


def test_a_model_that_takes_no_positions_is_refused_before_it_trains() -> None:
    """BLOOM of `transformers` swallows positions without a word, and would let documents see each other."""
    with pytest.raises(PlanError, match="cannot keep documents apart in a model with ALiBi"):
        tiny_plan(family="bloom", data={"documents": "apart"})
    assert tiny_plan(family="bloom", data={"documents": "apart"}, parallelism={"engine": "megatron"})
