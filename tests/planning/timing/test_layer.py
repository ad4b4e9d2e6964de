"""One block, against the layer times and the head counts that papers measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.planning.stages import Chunk
from orchestrator.planning.timing.stage import stage_time
from orchestrator.planning.timing.step import slice_of
from tests.planning.timing.cases import BLOOM, MEGATRON_2022, gpt, gpus, work

LAYER = ((Chunk(first=0, last=1),),)


def milliseconds(**said: object) -> tuple[float, float]:
    """(forward, backward) of one layer of Korthikanti et al.'s 22B model, tensor 8, micro-batch 4."""
    one = work(gpt(48, 6144, 64), 4, tensor=8, micro_batch=4, **said)
    time = stage_time(one, gpus(), LAYER[0], slice_of(one, gpus()))
    return 1e3 * (time.total - time.backward), 1e3 * time.backward


class TestKorthikanti:
    """arXiv:2205.05198, table 4: one layer of the 22B model on 8 x A100, forward and backward in milliseconds."""

    def test_no_recomputation(self) -> None:
        assert milliseconds() == pytest.approx((7.7, 11.9), rel=0.15)

    def test_all_recomputed(self) -> None:
        forward, backward = milliseconds(recompute="full")
        assert (forward, backward) == pytest.approx((7.7, 19.5), rel=0.15)

    def test_scores_recomputed_and_the_sequence_shared_out(self) -> None:
        assert milliseconds(recompute="selective", sequence_parallel=True) == pytest.approx((7.2, 13.1), rel=0.15)


class TestBloom:
    """bigscience, chronicles-prequel: widths and heads that cost more than they look, on 48 nodes of 8 x A100."""

    def step(self, layers: int, hidden: int, heads: int, **said: int) -> float:
        one = work(gpt(layers, hidden, heads, vocab=250_880), 4, BLOOM, **{"tensor": 8, "micro_batch": 4, "recompute": "full", **said})
        return stage_time(one, gpus(), LAYER[0], slice_of(one, gpus())).total

    def test_14400_is_slower_than_13824(self) -> None:
        """About 27 %, beyond what 14400 has more to compute."""
        wide = self.step(80, 14400, 96, micro_batch=1) / 14400**2
        narrow = self.step(80, 13824, 64, micro_batch=1) / 13824**2
        assert 1.15 < wide / narrow < 1.45

    def test_heads_of_108_are_slower_than_heads_of_216(self) -> None:
        """162.7 s to 121.3 s: 34 %."""
        assert self.step(78, 13824, 128) / self.step(78, 13824, 64) == pytest.approx(1.34, abs=0.1)

    def test_heads_of_56_are_slower_than_heads_of_224(self) -> None:
        """132.9 s to 120.2 s: 11 %, all of it matrices of scores that are written and read."""
        assert self.step(72, 14336, 256) / self.step(72, 14336, 64) == pytest.approx(1.11, abs=0.06)


def test_fused_attention_spares_the_scores() -> None:
    model = gpt(24, 2048, 16, length=8192)
    kept = work(model, 1, MEGATRON_2022)
    fused = replace(kept, software=replace(MEGATRON_2022, attention="fused"))
    times = [stage_time(one, gpus(), LAYER[0], slice_of(one, gpus())).attention for one in (kept, fused)]
    assert times[0] > 3 * times[1]


def test_a_causal_kernel_does_half_the_square() -> None:
    model = gpt(24, 2048, 16, length=8192)
    whole = work(model, 1, replace(MEGATRON_2022, attention="fused", causal_skips=False))
    half = replace(whole, software=replace(whole.software, causal_skips=True))
    times = [stage_time(one, gpus(), LAYER[0], slice_of(one, gpus())).attention for one in (whole, half)]
    assert times[0] == pytest.approx(2 * times[1])


def test_recomputation_takes_a_forward_pass() -> None:
    one = work(gpt(24, 4096, 32), 8, tensor=4, micro_batch=8)
    full = replace(one, layout=replace(one.layout, recompute="full"))
    plain, again = (stage_time(each, gpus(), LAYER[0], slice_of(each, gpus())) for each in (one, full))
    assert again.recomputed == pytest.approx(plain.total - plain.backward)
    assert again.total == pytest.approx(plain.total + again.recomputed)
