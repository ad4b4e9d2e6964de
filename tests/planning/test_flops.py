"""FLOPs by convention, against numbers that others have printed."""

from __future__ import annotations

import re
import statistics
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.architecture.stack import Architecture
from orchestrator.planning.flops import CONVENTIONS, counts, flops_per_token, passes
from orchestrator.planning.published import read_runs
from tests.planning.models import GROUPED, LLAMA, MIXTRAL, Made

RUNS, _ = read_runs(Path(__file__).parents[2] / "benchmarks/planner/published_runs.csv")
LLAMA3 = {
    "8B": {"layers": 32, "hidden": 4096, "heads": 32, "kv_heads": 8, "size": 14336, "vocab": 128_256},
    "70B": {"layers": 80, "hidden": 8192, "heads": 64, "kv_heads": 8, "size": 28672, "vocab": 128_256},
    "405B": {"layers": 126, "hidden": 16384, "heads": 128, "kv_heads": 8, "size": 53248, "vocab": 128_256},
}
GPT = {"layers": 24, "hidden": 2048, "heads": 16, "size": 8192, "vocab": 51_200, "biased": True, "tied": True}


def made(**sizes: object) -> Architecture:
    return Made.model_validate({"positions": 131_072, **sizes}).architecture()


def published(model: str) -> tuple[Architecture, int]:
    """Of the first row of a model: its architecture and sequence length."""
    run = next(run for run in RUNS if model in run.row["model"])
    return run.work.architecture, run.work.sequence_length


class TestBridge:
    """Megatron-Bridge prints both tokens/s and TFLOP/s of each row; their ratio is what it counts per token."""

    @pytest.mark.parametrize(("size", "printed"), [("8B", 51.5), ("70B", 449), ("405B", 2524)])
    def test_llama_3(self, size: str, printed: float) -> None:
        assert flops_per_token(made(**LLAMA3[size]), 8192, "Bridge") / 1e9 == pytest.approx(printed, rel=1e-3)

    def test_deepseek_v3_without_multi_token_prediction(self) -> None:
        assert flops_per_token(*published("DeepSeek-V3"), "Bridge") / 1e9 == pytest.approx(250, rel=3e-3)

    @pytest.mark.parametrize(
        ("model", "within"), [("Llama-3.1-8B", 0.005), ("Llama-3.1-70B", 0.005), ("Llama-3.1-405B", 0.005), ("Qwen3-30B", 0.01), ("Qwen3-235B", 0.01)]
    )  # fmt: skip
    def test_every_row_of_a_model(self, model: str, within: float) -> None:
        """The median over its rows; tokens/s is printed to four digits and TFLOP/s to three, and single rows are misprinted."""
        off = [
            flops_per_token(run.work.architecture, run.work.sequence_length, "Bridge")
            / (float(run.row["achieved_tflops_per_gpu"]) * 1e12 / float(run.row["tokens_per_s_per_gpu"]))
            for run in RUNS
            if "Bridge" in run.source and model in run.row["model"] and run.row["achieved_tflops_per_gpu"] and run.row["tokens_per_s_per_gpu"]
        ]
        assert len(off) >= 4
        assert statistics.median(off) == pytest.approx(1, abs=within)

    def test_gpt_oss_counts_the_windows(self) -> None:
        """32.6 GF per token since 26.06; were all layers whole it would be 33.9."""
        assert flops_per_token(*published("GPT-OSS-120B"), "Bridge") / 1e9 == pytest.approx(32.6, rel=5e-3)


@pytest.mark.parametrize(
    ("convention", "percent"),
    [("6 (N - E)", 30.4), ("6N", 32.5), ("Bridge", 34.7), ("llm.c", 36.8), ("torchtitan", 39.0), ("PaLM", 41.2)],
)
def test_one_speed_and_six_mfus(convention: str, percent: float) -> None:
    """Llama-3 8B at 8192, torchtitan's 6,667 tokens/s on an H100 of 989 TFLOP/s."""
    model = made(**LLAMA3["8B"])
    counted = counts(model, 8192)
    flops = CONVENTIONS[convention](counted) if convention in CONVENTIONS else 6 * (counted.met - counted.looked_up)
    assert 100 * 6667 * flops / 989e12 == pytest.approx(percent, abs=0.06)


class TestGPT:
    """Formulas in L, h, s and V hold exactly for GPT's shape, whatever its sizes."""

    @pytest.mark.parametrize("size", [{"layers": 1}, {"layers": 24}, {"hidden": 1024, "size": 4096}, {"heads": 8}, {"vocab": 250_880}])
    @pytest.mark.parametrize("s", [512, 2048])
    def test_formulas(self, size: dict[str, int], s: int) -> None:
        sizes = {**GPT, **size}
        layers, h, v = (int(str(sizes[name])) for name in ("layers", "hidden", "vocab"))
        model = made(**sizes)
        assert flops_per_token(model, s, "SC21") == pytest.approx(96 * layers * h**2 * (1 + s / (6 * h) + v / (16 * layers * h)), rel=1e-12)
        assert flops_per_token(model, s, "Korthikanti") == pytest.approx(72 * layers * h**2 * (1 + s / (6 * h) + v / (12 * layers * h)), rel=1e-12)
        again = 72 * layers * h**2 * (1 + s / (3 * h) + v / (12 * layers * h))
        # The paper makes scores anew once, a fourth pass over three; its formula has six, which is kept as it is printed.
        assert flops_per_token(model, s, "Korthikanti-hardware") == pytest.approx(again, rel=1e-12)

    def test_palm_is_6n_and_12_lhs(self) -> None:
        model = made(**GPT)
        assert flops_per_token(model, 2048, "PaLM") == 6 * model.parameters + 12 * 24 * 2048 * 2048


def test_sc21_reproduces_what_rows_print() -> None:
    """Every row that prints a step time and hardware TFLOP/s counted by the formula: half a percent in the median."""
    off = []
    for run in RUNS:
        row = run.row
        if not (row["flops_convention"].startswith("HFU 96Bslh2") and row["step_time_s"] and row["achieved_tflops_per_gpu"]):
            continue
        work = run.work
        flops = flops_per_token(work.architecture, work.sequence_length, "SC21") * work.tokens
        off.append(flops / (float(row["step_time_s"]) * work.layout.world_size * 1e12) / float(row["achieved_tflops_per_gpu"]) - 1)
    assert len(off) > 50
    assert statistics.median(abs(error) for error in off) < 0.005


class TestPasses:
    @pytest.mark.parametrize("sizes", [GPT, LLAMA, GROUPED, MIXTRAL])
    def test_they_add_up_to_the_conventions(self, sizes: dict[str, object]) -> None:
        model, s = made(**sizes), 2048
        full = passes(model, s, recompute="full", causal=False)
        assert full.hardware == flops_per_token(model, s, "SC21")
        assert full.model == flops_per_token(model, s, "Korthikanti")
        assert full.backward == 2 * full.forward

    def test_what_is_recomputed(self) -> None:
        model, s = made(**LLAMA), 2048
        none, selective, full = (passes(model, s, recompute=kind, causal=False) for kind in ("none", "selective", "full"))
        assert none.recomputed == 0
        assert selective.recomputed == counts(model, s).scores
        assert full.recomputed == full.forward - 2 * counts(model, s).head
        assert none.model == selective.model == full.model

    def test_a_causal_mask_saves_half_of_the_scores_and_nothing_else(self) -> None:
        model, s = made(**LLAMA), 4096
        whole, half = (passes(model, s, recompute="none", causal=causal) for causal in (False, True))
        assert whole.model - half.model == pytest.approx(1.5 * counts(model, s).scores)
        assert half.model == pytest.approx(flops_per_token(model, s, "Bridge") - 6 * 161 * 8192)

    def test_only_what_a_token_meets_counts(self) -> None:
        dense, mixed = made(**MIXTRAL, **{"per_token": 2}), made(**{**MIXTRAL, "experts": 16})
        more = 32 * 8 * (4096 + 3 * 4096 * 14336)
        assert mixed.parameters - dense.parameters == more
        assert passes(mixed, 4096, recompute="none", causal=True).forward - passes(dense, 4096, recompute="none", causal=True).forward == 2 * 32 * 8 * 4096


def test_no_convention_is_missing_from_the_table() -> None:
    """The table at the top of the file and the functions are the same list."""
    text = Path(__file__).parents[2].joinpath("orchestrator/planning/flops.py").read_text("utf-8")
    assert all(re.search(rf"^    {re.escape(name)}  ", text, re.MULTILINE) for name in CONVENTIONS)


def test_windows_and_latents_leave_a_models_other_counts_alone() -> None:
    model = made(**GPT)
    near = replace(model, blocks=tuple(replace(block, attention=replace(block.attention, window=128)) for block in model.blocks))
    assert near.parameters == model.parameters
    assert flops_per_token(near, 2048, "6N") == flops_per_token(model, 2048, "6N")
    assert flops_per_token(near, 128, "PaLM") == flops_per_token(model, 128, "PaLM")
    assert flops_per_token(near, 2048, "PaLM") < flops_per_token(model, 2048, "PaLM")
