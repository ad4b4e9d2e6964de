"""A whole step: published speeds within bands by the defaults alone, parts that add up, and no time to work it out."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from orchestrator.planning.software import Software
from orchestrator.planning.timing import step_time
from tests.planning.timing.cases import gpt, gpus, llama, work

SELENE = Software(attention="scores", gradient_bytes=4)
LLAMA = Software(gradient_bytes=4, overlaps_gradients=True, overlaps_gathers=True, adds_in_products=True)
FSDP = Software(gradient_bytes=4, overlaps_gradients=True, overlaps_gathers=True, compiled=True, stops_early=True)


class TestPublished:
    """Nothing is fitted here: the defaults of calibration.py."""

    @pytest.mark.parametrize(
        ("layers", "hidden", "heads", "devices", "tensor", "pipeline", "virtual", "micro_batch", "batch", "tflops"),
        [
            (24, 2304, 24, 32, 1, 1, 1, 16, 512, 137), (36, 4096, 32, 128, 4, 1, 1, 16, 512, 142),
            (48, 8192, 64, 512, 8, 2, 2, 4, 1536, 138), (80, 12288, 96, 1536, 8, 8, 2, 2, 2304, 148),
            (128, 25600, 160, 3072, 8, 64, 1, 1, 3072, 163),
        ],
    )  # fmt: skip
    def test_narayanan(self, layers, hidden, heads, devices, tensor, pipeline, virtual, micro_batch, batch, tflops) -> None:  # type: ignore[no-untyped-def]
        """arXiv:2104.04473, table 1: TFLOP/s per A100, by its formula 3."""
        one = work(
            gpt(layers, hidden, heads), batch, SELENE, tensor=tensor, pipeline=pipeline, virtual=virtual, micro_batch=micro_batch,
            data=devices // tensor // pipeline, recompute="full",
        )  # fmt: skip
        flops = 96 * batch * 2048 * layers * hidden**2 * (1 + 2048 / (6 * hidden) + 51200 / (16 * layers * hidden))
        told = flops / step_time(one, gpus(nodes=devices // 8)).total / devices / 1e12
        assert told == pytest.approx(tflops, rel=0.12)

    def test_llama_65b(self) -> None:
        """arXiv:2302.13971, section 2.4: 380 tokens per second and device on 2048 A100 of 80 GB; no layout is published.

        Its stack overlaps computing and communication "as much as possible", and attention keeps no scores.
        """
        model = llama(80, 8192, 64, kv_heads=64, size=22016, vocab=32000)
        one = work(model, 2048, LLAMA, tensor=8, pipeline=2, data=128, zero=1, sequence_parallel=True, recompute="selective")
        assert 2048 * 2048 / step_time(one, gpus(nodes=256)).total / 2048 == pytest.approx(380, rel=0.2)

    def test_kempner_8b_on_one_h200(self) -> None:
        """KempnerForge, mfu_scaling.md: 8.03B at 4096, micro-batch 2 x 4, all recomputed, compiled: 3.13 s."""
        model = llama(32, 4096, 32, kv_heads=8, size=14336, vocab=128256, length=4096)
        one = work(model, 8, FSDP, micro_batch=2, recompute="full")
        assert step_time(one, gpus("H200", count=1)).total == pytest.approx(3.13, rel=0.15)

    def test_mpt_7b_on_eight_a100(self) -> None:
        """llm-foundry's benchmarks: 4,641 tokens per second and device at micro-batch 6, accumulated twice."""
        one = work(gpt(32, 4096, 32, vocab=50368), 96, replace(FSDP, compiled=False), data=8, micro_batch=6, zero=3)
        assert 96 * 2048 / 8 / step_time(one, gpus()).total == pytest.approx(4641, rel=0.15)


def test_parts_add_up_and_none_is_negative() -> None:
    one = work(gpt(16, 4096, 32), 64, tensor=2, pipeline=2, data=4, zero=1, recompute="full", virtual=2)
    parts = asdict(step_time(one, gpus(nodes=2)))
    assert all(value >= 0 for value in parts.values())
    assert sum(parts.values()) == pytest.approx(step_time(one, gpus(nodes=2)).total)


def test_parts_stand_where_the_layout_puts_them() -> None:
    plain = step_time(work(gpt(16, 4096, 32), 64), gpus())
    assert not any((plain.tensor, plain.context, plain.expert, plain.bubble, plain.sends, plain.gradients, plain.gathers, plain.recomputed))
    split = step_time(work(gpt(16, 4096, 32), 64, tensor=2, context=2, pipeline=2, data=2, recompute="full"), gpus(nodes=2))
    assert all((split.tensor, split.bubble, split.sends, split.gradients, split.recomputed))


def test_a_faster_network_never_slows_a_step() -> None:
    one = work(gpt(16, 4096, 32), 64, tensor=4, pipeline=2, data=4, zero=1)
    times = [step_time(one, gpus(nodes=4, network=network)).total for network in (25, 100, 400)]
    assert times == sorted(times, reverse=True)


def test_workers_beyond_the_cores_take_turns() -> None:
    hardware = replace(gpus(count=8), cores=2)
    one = work(gpt(4, 256, 4), 8, data=8)
    assert step_time(one, hardware).products > 2 * step_time(one, gpus(count=8)).products
