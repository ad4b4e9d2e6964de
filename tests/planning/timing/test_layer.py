"""One block, against the layer times and the head counts that papers measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.architecture.parts import ALiBi, MixtureOfExperts
from orchestrator.planning.software import Software, stack_of
from orchestrator.planning.stages import Chunk
from orchestrator.planning.timing.collectives import all_reduce, group
from orchestrator.planning.timing.layer import block_cost
from orchestrator.planning.timing.stage import StageTime, stage_time
from orchestrator.planning.timing.step import slice_of
from orchestrator.planning.uneven import UNEVEN, uneven
from tests.planning.timing.cases import BLOOM, MEGATRON_2022, gpt, gpus, layout, llama, mixture, work

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


def test_biases_that_are_added_to_scores_cost_the_scores() -> None:
    """transformers' BLOOM: a matrix of scores and its softmax in fp32, which memory keeps (`Held.eager_alibi`); Megatron's is fused."""
    model = gpt(24, 2048, 16, length=8192)
    biased = replace(model.blocks[0], attention=replace(model.blocks[0].attention, position=ALiBi(heads=16)))
    times = {}
    for engine in ("deepspeed", "megatron"):
        for name, blocks in (("rotary", model.blocks), ("alibi", (biased,) * 24)):
            one = work(replace(model, blocks=blocks), 1, stack_of(layout(engine=engine)), engine=engine)
            times[engine, name] = stage_time(one, gpus(), LAYER[0], slice_of(one, gpus())).attention
    assert times["megatron", "alibi"] == times["megatron", "rotary"] == times["deepspeed", "rotary"]
    assert times["deepspeed", "alibi"] > 3 * times["deepspeed", "rotary"]


def test_a_causal_kernel_does_half_the_square() -> None:
    model = gpt(24, 2048, 16, length=8192)
    whole = work(model, 1, replace(MEGATRON_2022, attention="fused", causal_skips=False))
    half = replace(whole, software=replace(whole.software, causal_skips=True))
    times = [stage_time(one, gpus(), LAYER[0], slice_of(one, gpus())).attention for one in (whole, half)]
    assert times[0] == pytest.approx(2 * times[1])


def test_a_window_is_all_that_attention_reads() -> None:
    """GPT-OSS (config.json): each second layer sees 128 keys of 4096."""
    model = gpt(24, 2048, 16, length=4096)
    narrow = replace(model.blocks[0], attention=replace(model.blocks[0].attention, window=128))
    plain = work(model, 1, Software())
    windowed = replace(plain, architecture=replace(model, blocks=(narrow,) * 24))
    times = [stage_time(one, gpus(), LAYER[0], slice_of(one, gpus())).attention for one in (plain, windowed)]
    assert times[0] / times[1] == pytest.approx(4096 / (2 * 128 - 128**2 // 4096), rel=0.01)


def test_a_newer_kernel_is_as_much_faster_as_it_is() -> None:
    """FlashAttention 3 on H100 (arXiv:2407.08608, section 4.1): 1.5 to 2 times the one before."""
    plain = work(gpt(24, 2048, 16, length=8192), 1, Software())
    newer = replace(plain, software=Software(attention_speed=1.5))
    times = [stage_time(one, gpus("H100"), LAYER[0], slice_of(one, gpus("H100"))).attention for one in (plain, newer)]
    assert times[0] == pytest.approx(1.5 * times[1])


def test_recomputation_takes_a_forward_pass() -> None:
    one = work(gpt(24, 4096, 32), 8, tensor=4, micro_batch=8)
    full = replace(one, layout=replace(one.layout, recompute="full"))
    plain, again = (stage_time(each, gpus(), LAYER[0], slice_of(each, gpus())) for each in (one, full))
    assert again.recomputed == pytest.approx(plain.total - plain.backward)
    assert again.total == pytest.approx(plain.total + again.recomputed)


def test_recomputation_that_stops_early_spares_the_last_product() -> None:
    """PyTorch 2.1's `use_reentrant=False`: of GPT's 12 h^2 the last product is 4 h^2."""
    whole = work(gpt(24, 8192, 64), 8, micro_batch=8, recompute="full", software=Software(compiled=True))
    early = replace(whole, software=replace(whole.software, stops_early=True))
    times = [stage_time(each, gpus(), LAYER[0], slice_of(each, gpus())) for each in (whole, early)]
    assert times[0].recomputed - times[1].recomputed == pytest.approx(times[0].products / 9, rel=0.05)


def test_a_softmax_kernel_that_takes_four_matrices_at_once_is_missed_with_two() -> None:
    """Megatron-LM, fused_softmax.py: `attn_batches % 4 == 0`. In vTrain's table 2 heads of one sequence take half as long again."""
    two, four = (work(gpt(24, 1024, 16, length=1024), 8, tensor=8, micro_batch=size) for size in (1, 2))
    times = [stage_time(each, gpus(), LAYER[0], slice_of(each, gpus())).total for each in (two, four)]
    assert times[0] > times[1]


class TestContext:
    """Long sequences over ranks of one node; LLaMA's shape with 8 key heads for 32 queries."""

    MODEL = llama(32, 4096, 32, kv_heads=8, size=14336, vocab=32000, length=32768)

    def time(self, software: Software, **said: object) -> StageTime:
        one = work(self.MODEL, 8, software, **said)
        return stage_time(one, gpus("H100"), LAYER[0], slice_of(one, gpus("H100")))

    def test_a_ring_runs_behind_attention(self) -> None:
        assert self.time(Software(), context=4).context == 0

    def test_heads_for_sequence_is_waited_for(self) -> None:
        """arXiv:2309.14509, section 3.2: 4 N h / P of each all-to-all for P ranks, here with keys of a quarter; both ways, over
        H100's 450 GB/s, three of four parts to others."""
        hardware, ranks = gpus("H100"), 4
        told = self.time(Software(context="heads"), context=ranks).context
        moved = 2 * (2 * 32 + 2 * 8) * 128 * 2 * 32768 / ranks * (ranks - 1) / ranks
        bandwidth = hardware.link_bandwidth * hardware.calibration.link_efficiency
        assert told == pytest.approx(moved / bandwidth, rel=0.25)
        assert told > moved / bandwidth

    def test_keys_are_repeated_until_every_rank_has_one(self) -> None:
        few, enough = (block_cost(self.MODEL.blocks[0], slice_of(work(self.MODEL, 8, Software(context="heads"), context=ranks), gpus(count=16)))
                       for ranks in (16, 8))  # fmt: skip
        assert few.keys == enough.keys, "half the positions, twice the heads"


class TestExperts:
    """Qwen3-30B-A3B's shape (huggingface.co/Qwen/Qwen3-30B-A3B, config.json): 128 experts of 768, 8 for each token."""

    MODEL = mixture(llama(48, 2048, 16, kv_heads=4, size=6144, vocab=151_936, length=4096), 128, 8, 768)

    def time(self, **said: int) -> StageTime:
        one = work(self.MODEL, 64, Software(compiled=True, gradient_bytes=4, adds_in_products=True), data=8, **said)
        return stage_time(one, gpus("H100"), LAYER[0], slice_of(one, gpus("H100")))

    def test_experts_cost_more_than_a_unit_of_the_same_width(self) -> None:
        dense = work(llama(48, 2048, 16, kv_heads=4, size=6144, vocab=151_936, length=4096), 64, Software(compiled=True), data=8)
        assert self.time(expert=8).total > 1.5 * stage_time(dense, gpus("H100"), LAYER[0], slice_of(dense, gpus("H100"))).total

    def test_the_fullest_rank_of_experts_sets_the_pace(self) -> None:
        """What memory keeps for it (uneven.py); a rank that holds all experts gets every row, whatever the router does."""
        block, said = self.MODEL.blocks[0], Software(uneven=True)
        for expert, over in ((1, 1.0), (8, UNEVEN)):
            even, fullest = (block_cost(block, slice_of(work(self.MODEL, 64, each, data=8, expert=expert), gpus())) for each in (Software(), said))
            assert fullest.routed == pytest.approx(over * even.routed)
            assert fullest.forward.experts_moved == pytest.approx(over * even.forward.experts_moved)

    def test_a_capacity_limits_it(self) -> None:
        feed = self.MODEL.blocks[0].feed_forward
        assert isinstance(feed, MixtureOfExperts)
        tight, wide = (replace(feed, router=replace(feed.router, capacity=capacity)) for capacity in (1.0, 2.0))
        assert (uneven(tight, 8), uneven(wide, 8), uneven(tight, 1)) == (1.0, UNEVEN, 1.0)

    def test_only_divided_experts_exchange_rows(self) -> None:
        assert self.time().expert == 0
        assert self.time(expert=8).expert > 0

    def test_a_shared_unit_is_met_by_every_token(self) -> None:
        shared = mixture(llama(48, 2048, 16, kv_heads=4, size=6144, vocab=151_936, length=4096), 128, 8, 768, shared=768)
        one = work(shared, 64, Software(compiled=True, gradient_bytes=4, adds_in_products=True), data=8)
        more = stage_time(one, gpus("H100"), LAYER[0], slice_of(one, gpus("H100"))).products
        assert 1 < more / self.time().products < 1.15

    def test_cutting_experts_among_ranks_spares_no_multiplication(self) -> None:
        """Ranks that share an expert meet each other's tokens: wider cuts once looked as if they divided the work."""
        whole, cut = self.time(expert=4, expert_tensor=1), self.time(expert=1, expert_tensor=4)
        assert cut.products >= 0.95 * whole.products
        assert cut.expert > 0

    def test_ranks_that_share_an_expert_move_every_copy_of_a_token(self) -> None:
        """Megatron-core's all-to-all dispatcher: rows are gathered over the expert-tensor group, and their sums scattered."""
        whole, part = (self.time(tensor=4, expert=1, expert_tensor=shared, sequence_parallel=True) for shared in (4, 2))
        assert whole.tensor == part.tensor, "attention alone sums over tensor ranks"
        hardware, stream = gpus("H100"), 8 * 4096 * 2048 * 2
        copies, half = (all_reduce(stream * shared / 4, group(shared, 1, 8), hardware) for shared in (4, 2))
        assert (whole.expert, part.expert) == pytest.approx((2 * copies, 2 * half))

    def test_rows_are_sent_once_by_the_tensor_ranks_together(self) -> None:
        """Each routes its own part of the tokens, however many ranks share an expert."""
        alone, shared = (self.time(tensor=2, expert=2, expert_tensor=ranks) for ranks in (1, 2))
        block = self.MODEL.blocks[0]
        one = work(self.MODEL, 64, Software(), data=4, tensor=2, expert=2)
        assert block_cost(block, slice_of(one, gpus("H100"))).routed == 8 * 4096 * 2048 * 2 / 2
        assert shared.expert > alone.expert

    def test_copies_of_tokens_are_as_wide_on_every_rank_that_shares_an_expert(self) -> None:
        """The same rows in all, inside narrower by as much."""
        alone, shared = (self.time(tensor=4, expert=1, expert_tensor=ranks, sequence_parallel=True) for ranks in (1, 4))
        assert shared.elementwise > 1.5 * alone.elementwise
