"""Parameters of one rank: whatever a layout cuts, the ranks together hold the model."""

from __future__ import annotations

import pytest

from orchestrator.planning.layout import Layout
from orchestrator.planning.shares import on_rank, padded_rows
from orchestrator.planning.stages import split
from tests.planning.published.test_models import run_of
from tests.planning.timing.cases import layout, llama, mixture

SHARED = mixture(llama(4, 1024, 16, kv_heads=4, size=4096, vocab=32000), 16, 2, 512, shared=1024)


@pytest.mark.parametrize(("model", "total"), [("DeepSeek-V3", 671.0e9), ("Kimi-K2", 1.026e12), ("Mixtral-8x7B", 46.7e9)])
def test_a_rank_alone_holds_the_published_total(model: str, total: float) -> None:
    """arXiv:2412.19437, section 4.2, and as in published/test_models.py: shared experts are parameters too."""
    architecture = run_of(model).work.architecture
    alone = layout(expert_tensor=1)
    assert sum(on_rank(architecture, alone, split(architecture, alone)[0])) == architecture.parameters
    assert architecture.parameters == pytest.approx(total, rel=2e-3)


def test_shared_experts_are_dense_and_cut_by_tensor() -> None:
    whole, half = (on_rank(SHARED, each, split(SHARED, each)[0]) for each in (layout(), layout(tensor=2, expert_tensor=1)))
    assert whole[1] == half[1] == 4 * 16 * 3 * 1024 * 512
    uncut = 4 * (2 * 1024 + 16 * 1024) + 1024  # norms and routers
    assert half[0] - uncut == (whole[0] - uncut) // 2


def test_the_vocabulary_is_padded_to_tensor() -> None:
    assert [padded_rows(1001, tensor) for tensor in (1, 2, 4, 8)] == [1001, 1002, 1004, 1008]
    assert padded_rows(50257, 8, 128) == 51200  # Megatron-LM's GPT


@pytest.mark.parametrize(
    ("folded", "dense", "experts"),
    [(layout(data=8, context=2), 16, 16), (layout(data=8, expert=8), 8, 1), (layout(data=4, tensor=2, expert=2, expert_tensor=2), 4, 2)],
)
def test_replicas(folded: Layout, dense: int, experts: int) -> None:
    """mesh.py: X E F = T C D."""
    assert (folded.replicas, folded.expert_replicas) == (dense, experts)
