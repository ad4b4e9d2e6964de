"""Bytes per rank of a data-parallel layout. Oracle: the ZeRO paper's table of model states (Rajbhandari et al. 2020, figure 1)."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.architecture.families.llama import Llama
from orchestrator.planning.memory import Memory
from tests.planning.memory.made import estimate

MODEL = Llama(family="llama", layers=32, hidden_size=4096, heads=32, ffn_size=11008, vocab_size=32_000).architecture()
PSI = MODEL.parameters


def memory(**said: Any) -> Memory:
    (alone,) = estimate(MODEL, **{"engine": "deepspeed", "data": 64, **said})
    return alone


@pytest.mark.parametrize(
    ("zero", "bytes_per_parameter"), [(0, 2 + 4 + 12), (1, 2 + 6 + 12 / 64), (2, 2 + (4 + 12) / 64), (3, (2 + 4 + 12) / 64)]
)
def test_model_states_are_those_of_the_zero_paper_with_gradients_in_fp32(zero: int, bytes_per_parameter: float) -> None:
    """The paper has 2 bytes of gradient; here they are accumulated in fp32, at stage 1 beside a bf16 copy."""
    told = memory(zero=zero)
    assert told.weights + told.gradients + told.optimizer == pytest.approx(PSI * bytes_per_parameter, rel=1e-6)


def test_offload_moves_and_does_not_lose() -> None:
    """And keeps gradients twice in fp32 on the host: where they accumulate, and where the optimizer reads them (DeepSpeed's stage3.py)."""
    kept, moved = memory(zero=3), memory(zero=3, offload="parameters")
    assert moved.host == pytest.approx(kept.weights + kept.optimizer + PSI * 8 / 64, rel=1e-6)
    assert kept.gradients == pytest.approx(PSI * 4 / 64, rel=1e-6)
    assert moved.total - moved.slack == kept.total - kept.slack - kept.weights - kept.optimizer - kept.gradients


@pytest.mark.parametrize(("zero", "on_host", "on_device"), [(1, 12 + 4 + 2 + 2, 6 * 64), (2, 12 + 4 + 2 + 2, 0), (3, 12 + 8, 0)])
def test_gradients_of_an_offloaded_optimizer(zero: int, on_host: int, on_device: int) -> None:
    """Bytes per parameter of a partition of 64; at stage 1 the device keeps whole gradients until they are reduced."""
    told = memory(zero=zero, offload="optimizer")
    assert told.host == pytest.approx(PSI * on_host / 64, rel=1e-6)
    assert told.gradients == pytest.approx(PSI * on_device / 64, rel=1e-6)


def test_recomputation_saves_activations_and_nothing_else() -> None:
    kept, recomputed = memory(), memory(recompute="full")
    assert recomputed.activations < kept.activations / 10
    others = {"weights", "gradients", "optimizer", "logits", "buffers", "framework", "host"}
    assert all(getattr(recomputed, name) == getattr(kept, name) for name in others)


@pytest.mark.parametrize("part", ["activations", "logits"])
def test_what_grows_with_the_micro_batch(part: str) -> None:
    assert getattr(memory(micro_batch=4), part) == pytest.approx(4 * getattr(memory(micro_batch=1), part))


def test_adafactor_keeps_less_than_adamw() -> None:
    assert memory(optimizer="adafactor").optimizer < memory().optimizer / 2


def test_more_ranks_never_need_more_each() -> None:
    for zero in (0, 1, 2, 3):
        totals = [memory(zero=zero, data=data).total for data in (2, 4, 64, 1024)]
        assert totals == sorted(totals, reverse=True)
