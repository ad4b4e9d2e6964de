"""LLaMA as data. Oracles: the published parameter counts, and `transformers`' own module on the meta device."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.architecture.families.llama import Llama
from orchestrator.planning.flops import flops_per_token
from orchestrator.registry import FAMILIES
from tests.architecture.modules import assert_names_are_the_modules, count, huggingface, shipped

# Touvron et al. 2023, table 2, in the exact counts of the released weights; 1b is Llama 3.2's.
PUBLISHED = {"7b": 6_738_415_616, "13b": 13_015_864_320, "33b": 32_528_943_616, "65b": 65_285_660_672}
LATER = {"1b": 1_235_814_400}

SMALL: dict[str, Any] = {
    "family": "llama", "layers": 3, "hidden_size": 48, "heads": 6, "ffn_size": 112, "vocab_size": 250, "max_positions": 64,
}  # fmt: skip
VARIANTS = {
    "as LLaMA": {},
    "grouped queries": {"kv_heads": 2},
    "one key head": {"kv_heads": 1},
    "tied": {"tie_embeddings": True},
    "grouped and tied": {"kv_heads": 3, "tie_embeddings": True},
    "one layer": {"layers": 1},
}


@pytest.mark.parametrize("name", [*PUBLISHED, *LATER])
def test_a_published_size_has_the_published_count(name: str) -> None:
    assert shipped(f"llama/{name}").parameters == (PUBLISHED | LATER)[name]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_count_is_that_of_the_module(variant: str) -> None:
    architecture = Llama(**{**SMALL, **VARIANTS[variant]}).architecture()
    assert architecture.parameters == count(huggingface(architecture))


@pytest.mark.parametrize("variant", VARIANTS)
def test_names_are_those_of_the_module(variant: str) -> None:
    assert_names_are_the_modules(Llama(**{**SMALL, **VARIANTS[variant]}).architecture())


def test_7b_is_the_module_of_that_name() -> None:
    architecture = shipped("llama/7b")
    module = huggingface(architecture)
    assert architecture.parameters == count(module) == PUBLISHED["7b"]
    assert module.config.rms_norm_eps == 1e-6
    assert module.model.layers[0].self_attn.q_proj.bias is None


@pytest.mark.parametrize("name", PUBLISHED)
def test_flops_are_a_little_above_six_per_parameter(name: str) -> None:
    """6N is the usual estimate; attention scores over 2048 positions add to it, the look-up takes from it."""
    architecture = shipped(f"llama/{name}")
    ratio = flops_per_token(architecture, 2048, "Korthikanti") / (6 * architecture.parameters)
    assert 1.0 < ratio < 1.16


def test_flops_are_six_per_matrix_parameter_and_the_scores() -> None:
    """Korthikanti et al. 2022 without recomputation, as PaLM's 6N + 12 L H Q T on matrices, N without the embedding's look-up."""
    architecture = shipped("llama/7b")
    matrices = PUBLISHED["7b"] - 32_000 * 4096 - (2 * 32 + 1) * 4096
    assert architecture.matmul_parameters == matrices
    assert flops_per_token(architecture, 2048, "Korthikanti") == 6 * matrices + 12 * 32 * 4096 * 2048


def test_a_tied_head_costs_flops_and_no_parameters() -> None:
    tied, untied = (Llama(**SMALL, tie_embeddings=tie).architecture() for tie in (True, False))
    assert untied.parameters - tied.parameters == 250 * 48
    assert flops_per_token(tied, 64, "Korthikanti") == flops_per_token(untied, 64, "Korthikanti")


def test_the_numbers_reach_the_configuration() -> None:
    said = Llama(**SMALL, kv_heads=2, norm_eps=1e-5, rope_theta=5e5, initial_std=0.01, tie_embeddings=True)
    config = huggingface(said.architecture()).config
    found = (config.num_key_value_heads, config.rms_norm_eps, config.initializer_range, config.tie_word_embeddings)
    assert found == (2, 1e-5, 0.01, True)
    assert config.rope_parameters["rope_theta"] == 5e5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"heads": 5}, "hidden_size 48 is not a multiple of heads 5; fix: write heads: 4"),
        ({"heads": 16}, "heads of odd width 3"),
        ({"kv_heads": 4}, "heads 6 is not a multiple of kv_heads 4; fix: write kv_heads: 3"),
        ({"layers": 0}, "greater than 0"),
    ],
)
def test_impossible_sizes_are_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Llama(**{**SMALL, **change})


def test_the_family_is_found_by_the_name_of_its_file() -> None:
    assert FAMILIES.get("llama") is Llama
