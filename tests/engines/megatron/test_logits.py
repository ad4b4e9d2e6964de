"""Cross-entropy and normaliser of logits that lie in parts on tensor ranks: those of the whole row, in fp32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import distributed
from torch.nn import functional

from orchestrator.objectives import WholeLogits
from tests.distributed import run_distributed

B, S, VOCAB = 2, 5, 11
PADDING = 1e4
"""What an uninitialised padding row may well give: it would take all probability."""


def whole_logits(dtype: torch.dtype = torch.float32, vocab: int = VOCAB) -> torch.Tensor:
    """[B, S, vocab], with one row far out, which a softmax without a maximum would lose."""
    found = torch.randn(B, S, vocab, generator=torch.Generator().manual_seed(3)) * 3
    found[0, 1] += 200
    return found.to(dtype)


def labels(vocab: int = VOCAB) -> torch.Tensor:
    """Nearly every token of the vocabulary is somebody's label, so every rank holds some."""
    return torch.arange(B * S).view(B, S) % vocab


def weights() -> tuple[torch.Tensor, torch.Tensor]:
    """Of each position's cross-entropy and normaliser in the sum whose gradient is compared."""
    both = torch.rand(2, B, S, generator=torch.Generator().manual_seed(4))
    return both[0], both[1]


def in_parts(dtype: torch.dtype, vocab: int) -> dict[str, torch.Tensor]:
    """All that this rank finds; gradients of its own part, [s, b, V / T]."""
    from orchestrator.engines.megatron import runtime

    runtime.import_core()
    from orchestrator.engines.megatron.cpu import adapted
    from orchestrator.engines.megatron.logits import VocabularyParallelLogits

    ranks, rank = distributed.get_world_size(), distributed.get_rank()
    part = -(-vocab // ranks)
    padded = functional.pad(whole_logits(dtype, vocab), (0, part * ranks - vocab), value=PADDING)
    mine = padded[..., rank * part : (rank + 1) * part].transpose(0, 1).contiguous().requires_grad_()
    logits = VocabularyParallelLogits(mine, vocab=vocab, group=distributed.group.WORLD)
    cross_entropy, normaliser = logits.cross_entropy(labels(vocab)), logits.log_normaliser()
    one, other = weights()
    ((cross_entropy * one).sum() + (normaliser * other).sum()).backward()
    assert mine.grad is not None
    with adapted():
        whole = logits.whole()
    found = {"cross_entropy": cross_entropy, "normaliser": normaliser, "gradient": mine.grad, "whole": whole}
    return {name: tensor.detach() for name, tensor in found.items()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("ranks", "vocab"), [(1, VOCAB), (2, VOCAB), (4, VOCAB), (4, 5)])
def test_parts_give_what_the_whole_gives(ranks: int, vocab: int, dtype: torch.dtype) -> None:
    """Five rows on four ranks are two, two, one and none."""
    whole = whole_logits(dtype, vocab).requires_grad_()
    one, other = weights()
    cross_entropy = functional.cross_entropy(whole.float().flatten(0, 1), labels(vocab).flatten(), reduction="none").view(B, S)
    normaliser = whole.float().logsumexp(dim=-1)
    ((cross_entropy * one).sum() + (normaliser * other).sum()).backward()
    assert whole.grad is not None
    parts = run_distributed(in_parts, ranks, dtype, vocab)
    for part in parts:
        assert part["cross_entropy"].dtype == part["normaliser"].dtype == torch.float32
        torch.testing.assert_close(part["cross_entropy"], cross_entropy.detach(), rtol=1e-6, atol=2e-5)
        torch.testing.assert_close(part["normaliser"], normaliser.detach(), rtol=1e-6, atol=1e-5)
        assert torch.equal(part["whole"], whole.detach().float())
    gradient = torch.cat([part["gradient"] for part in parts], dim=-1).transpose(0, 1)
    assert gradient.dtype == dtype
    torch.testing.assert_close(gradient[..., :vocab], whole.grad, rtol=1e-5 if dtype == torch.float32 else 1e-2, atol=1e-6)
    assert (gradient[..., vocab:] == 0).all()


def rows_of_unusual_logits() -> torch.Tensor:
    from orchestrator.engines.megatron import runtime

    runtime.import_core()
    from orchestrator.engines.megatron.cpu import adapted
    from orchestrator.engines.megatron.logits import VocabularyParallelLogits

    ranks, rank = distributed.get_world_size(), distributed.get_rank()
    part = -(-VOCAB // ranks)
    padded = functional.pad(whole_logits(), (0, part * ranks - VOCAB), value=PADDING)
    padded[0, 0, 2] = float("-inf")
    mine = padded[..., rank * part : (rank + 1) * part].transpose(0, 1)
    with adapted():
        return VocabularyParallelLogits(mine, vocab=VOCAB, group=distributed.group.WORLD).whole()


def test_a_logit_that_is_not_finite_keeps_its_column() -> None:
    """Padding was once told by being infinite at the first position: one such logit took its token from all rows."""
    for rows in run_distributed(rows_of_unusual_logits, 2):
        assert rows.shape == (B, S, VOCAB)
        assert rows[0, 0, 2] == float("-inf")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_whole_logits_are_computed_with_in_fp32(dtype: torch.dtype) -> None:
    """Against double precision in numpy."""
    whole: Any = whole_logits(dtype)
    exact = whole.double().numpy()
    largest = exact.max(axis=-1, keepdims=True)
    normaliser = np.log(np.exp(exact - largest).sum(axis=-1)) + largest[..., 0]
    score = np.take_along_axis(exact, labels().numpy()[..., None], axis=-1)[..., 0]
    found = WholeLogits(whole)
    assert found.log_normaliser().dtype == found.cross_entropy(labels()).dtype == torch.float32
    np.testing.assert_allclose(found.log_normaliser().numpy(), normaliser, rtol=1e-6)
    np.testing.assert_allclose(found.cross_entropy(labels()).numpy(), normaliser - score, rtol=1e-6, atol=2e-5)
