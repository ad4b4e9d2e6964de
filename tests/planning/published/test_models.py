"""Rows -> models, against the totals that their makers published; and parts that engines have not learned are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.architecture.parts import (
    Attention,
    GatedFeedForward,
    Latent,
    MixtureOfExperts,
    Rotary,
    Router,
)
from orchestrator.architecture.stack import Architecture
from orchestrator.planning.capabilities import CAPABILITIES
from orchestrator.planning.features import features
from orchestrator.planning.flops import counts
from orchestrator.planning.published import Run, read_runs
from orchestrator.planning.published.models import architecture_of
from tests.planning.models import LLAMA, MIXTRAL, Made

RUNS, UNUSABLE = read_runs(Path(__file__).parents[3] / "benchmarks/planner/published_runs.csv")
DENSE = {
    "params_B": "", "layers": "32", "hidden": "4096", "heads": "32", "kv_heads": "", "ffn": "", "vocab": "32000", "seq": "4096",
    "model": "", "notes": "", "paper": "", "pp": "1",
}  # fmt: skip


def run_of(model: str) -> Run:
    return next(run for run in RUNS if model in run.row["model"])


class TestTotals:
    @pytest.mark.parametrize(
        ("model", "total", "active"),
        [
            ("DeepSeek-V3", 671e9, 37e9),
            ("Qwen3-30B", 30.5e9, 3.3e9),
            ("Qwen3-235B", 235e9, 22e9),
            ("GPT-OSS-120B", 116.8e9, 5.1e9),
            ("Kimi-K2", 1.026e12, 32e9),
            ("Mixtral-8x7B", 46.7e9, 12.9e9),
        ],
    )
    def test_mixtures(self, model: str, total: float, active: float) -> None:
        """What a token meets is printed with one or two digits, and some leave the embedding's look-up out."""
        architecture = run_of(model).work.architecture
        counted = counts(architecture, 4096)
        assert architecture.parameters == pytest.approx(total, rel=2e-3)
        nearest = min((counted.met, counted.met - counted.looked_up), key=lambda met: abs(met - active))
        assert nearest == pytest.approx(active, rel=0.02)

    @pytest.mark.parametrize(
        ("model", "attention"), [("DeepSeek-V3", 187_107_328), ("Qwen3-30B", 18_874_368), ("GPT-OSS-120B", 26_542_080 + 8_000)]
    )
    def test_attention_of_one_layer(self, model: str, attention: int) -> None:
        """DeepSeek-V3: q_a, q_b, kv_a, kv_b and o of its config.json with the norms of both ranks; GPT-OSS with biases."""
        assert run_of(model).work.architecture.blocks[-1].attention.parameters == attention

    def test_layers_that_differ(self) -> None:
        deepseek, kimi = run_of("DeepSeek-V3").work.architecture, run_of("Kimi-K2").work.architecture
        assert [isinstance(block.feed_forward, GatedFeedForward) for block in deepseek.blocks[:5]] == [True, True, True, False, False]
        assert [isinstance(block.feed_forward, GatedFeedForward) for block in kimi.blocks[:3]] == [True, False, False]
        windows = [block.attention.window for block in run_of("GPT-OSS-120B").work.architecture.blocks[:4]]
        assert windows == [128, None, 128, None]

    def test_every_stated_size_is_met_but_where_the_source_is_rough(self) -> None:
        """bigscience and Megatron-LM print sizes of 18 and 200 billion; MPT states learned positions, up to 65,536 of them."""
        far = {
            run.row["model"] for run in RUNS
            if run.row["params_B"] and "MPT" not in run.row["model"] and "BLOOM-like" not in run.row["model"]
            and abs(run.work.architecture.parameters / float(run.row["params_B"]) / 1e9 - 1) > 0.03
        }  # fmt: skip
        assert far == {"GPT-78B"}


class TestWhatARowLeavesOpen:
    def test_parameters_choose_gate_and_tie(self) -> None:
        plain, gated = architecture_of({**DENSE, "params_B": "6.6"}), architecture_of({**DENSE, "ffn": "11008", "params_B": "6.74"})
        assert (type(plain.blocks[0].feed_forward).__name__, plain.head.tied) == ("FeedForward", True)
        assert (type(gated.blocks[0].feed_forward).__name__, gated.head.tied) == ("GatedFeedForward", False)

    def test_parameters_choose_the_width_of_heads(self) -> None:
        """Qwen3-32B: 64 layers of 5120 with 64 heads of 128, not of 80; 32.8 billion."""
        sizes = {"layers": "64", "hidden": "5120", "heads": "64", "kv_heads": "8", "ffn": "25600", "vocab": "151936"}
        row = {**DENSE, **sizes, "params_B": "32.8"}
        assert architecture_of(row).blocks[0].attention.head_dim == 128

    def test_rounded_parameters_do_not_choose_what_they_cannot_tell(self) -> None:
        """GPT-3's tied 174.6 and untied 175.2 billion both print as 175."""
        row = {**DENSE, "layers": "96", "hidden": "12288", "heads": "96", "vocab": "51200", "params_B": "175"}
        assert architecture_of(row).head.tied

    def test_a_mixture_that_only_the_notes_describe(self) -> None:
        architecture = architecture_of({**DENSE, "ffn": "1024", "notes": "64 experts top6 + 2 shared"})
        part = architecture.blocks[0].feed_forward
        assert isinstance(part, MixtureOfExperts)
        assert (part.router.experts, part.router.per_token, part.shared) == (64, 6, 2048)

    @pytest.mark.parametrize(("stages", "size", "layers"), [(6, 194, 78), (7, 191, 77), (9, 205, 81), (11, 195, 77), (12, 183, 72)])
    def test_layers_of_blooms_trials_follow_from_size_and_stages(self, stages: int, size: int, layers: int) -> None:
        row = {
            **DENSE, "paper": "BLOOM-176B", "params_B": str(size), "layers": "", "hidden": "14400", "heads": "", "vocab": "250880",
            "pp": str(stages), "notes": "NLAYERS tweaked to fit PP (approx Size/2.5); 02-20",
        }  # fmt: skip
        architecture = architecture_of(row)
        assert (len(architecture.blocks), architecture.blocks[0].attention.heads) == (layers, 96)
        assert architecture.parameters / 1e9 == pytest.approx(size, rel=0.025)

    def test_what_nobody_can_know_stays_out(self) -> None:
        with pytest.raises(ValueError, match="no heads"):
            architecture_of({**DENSE, "heads": ""})
        with pytest.raises(ValueError, match="no layers"):
            architecture_of({**DENSE, "layers": "", "params_B": "7"})


class TestRefused:
    """A part that nobody has taught an engine is refused by its name."""

    def with_(self, **change: object) -> Architecture:
        model = Made.model_validate(LLAMA).architecture()
        attention = replace(model.blocks[0].attention, **change)  # type: ignore[arg-type]
        return replace(model, blocks=(replace(model.blocks[0], attention=attention),) * 2)

    def test_by_megatron(self) -> None:
        latent = Latent(query_rank=64, kv_rank=32, plain=16, turned=8, value=16)
        able = CAPABILITIES["megatron"]
        assert able.missing(features(Made.model_validate(LLAMA).architecture())) == []
        assert able.missing(features(self.with_(window=128))) == ["Attention.window"]
        assert able.missing(features(self.with_(latent=latent))) == ["Latent"]

    def test_shared_experts(self) -> None:
        model = Made.model_validate(MIXTRAL).architecture()
        part = replace(model.blocks[0].feed_forward, shared=128)  # type: ignore[type-var]
        shared = replace(model, blocks=(replace(model.blocks[0], feed_forward=part),))
        assert CAPABILITIES["megatron"].missing(features(shared)) == ["MixtureOfExperts.shared"]


class TestParts:
    def attention(self, **change: object) -> Attention:
        rotary = Rotary(theta=1e4, head_dim=64, dims=64)
        part = Attention(hidden=512, heads=8, kv_heads=8, head_dim=64, bias=False, causal=True, position=rotary)
        return replace(part, **change)  # type: ignore[arg-type]

    def test_a_window_counts_the_keys_that_queries_see(self) -> None:
        """Twice the sum over positions of min(position + 1/2, window), counted one by one."""
        for window in (1, 100, 512, 1024, 4096):
            seen = sum(min(position + 0.5, window) for position in range(1024))
            found = self.attention(window=window).score_flops(1024) / (4 * 512)
            assert found == pytest.approx(2 * seen / 1024, rel=0.01, abs=1)

    def test_projections_make_up_the_matrices(self) -> None:
        part = self.attention(kv_heads=2)
        assert part.matmul_parameters == sum(rows * columns for rows, columns in part.projections) == 512 * (16 + 4) * 64

    def test_shared_experts_are_met_by_every_token(self) -> None:
        expert = GatedFeedForward(hidden=512, size=128, activation="silu")
        router = Router(hidden=512, experts=16, per_token=2)
        alone, beside = MixtureOfExperts(router=router, expert=expert), MixtureOfExperts(router=router, expert=expert, shared=256)
        assert beside.parameters - alone.parameters == beside.matmul_parameters - alone.matmul_parameters == 3 * 512 * 256
