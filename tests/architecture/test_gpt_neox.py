"""GPT-NeoX as data. Oracles: the released 20B's parameter count, and `transformers`' own module on the meta device."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.architecture.families.gpt_neox import GPTNeoX
from orchestrator.architecture.parts import Rotary
from orchestrator.planning.flops import flops_per_token
from orchestrator.registry import FAMILIES
from tests.architecture.modules import assert_names_are_the_modules, count, huggingface, shipped

# Black et al. 2022, in the exact count of the released weights.
PUBLISHED = 20_554_567_680

SMALL: dict[str, Any] = {
    "family": "gpt_neox", "layers": 3, "hidden_size": 48, "heads": 3, "vocab_size": 250, "max_positions": 64,
}  # fmt: skip
VARIANTS: dict[str, dict[str, Any]] = {
    "as NeoX": {},
    "serial": {"parallel_residual": False},
    "narrow": {"ffn_size": 100},
    "tied": {"tie_embeddings": True},
    "rotary over all": {"rotary_fraction": 1.0},
    "rounded vocabulary": {"vocab_multiple": 128},
    "one layer": {"layers": 1},
}


def test_20b_has_the_published_count() -> None:
    architecture = shipped("gpt_neox/20b")
    assert architecture.parameters == count(huggingface(architecture)) == PUBLISHED
    assert architecture.embedding.vocab == architecture.head.vocab == 50_432


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_count_is_that_of_the_module(variant: str) -> None:
    architecture = GPTNeoX(**{**SMALL, **VARIANTS[variant]}).architecture()
    assert architecture.parameters == count(huggingface(architecture))


@pytest.mark.parametrize("variant", VARIANTS)
def test_names_are_those_of_the_module(variant: str) -> None:
    assert_names_are_the_modules(GPTNeoX(**{**SMALL, **VARIANTS[variant]}).architecture())


def test_rotary_positions_turn_as_many_dimensions_as_in_the_module() -> None:
    for fraction in (0.25, 0.5, 1.0):
        architecture = GPTNeoX(**SMALL, rotary_fraction=fraction).architecture()
        position = architecture.blocks[0].attention.position
        assert isinstance(position, Rotary)
        assert position.dims == huggingface(architecture).gpt_neox.layers[0].attention.rotary_ndims == 16 * fraction


def test_flops_are_six_per_matrix_parameter_and_the_scores() -> None:
    """Korthikanti et al. 2022 without recomputation, as PaLM's 6N + 12 L H Q T on matrices, N the matrices of the layers and the head."""
    matrices = 44 * 12 * 6144**2 + 50_432 * 6144
    assert shipped("gpt_neox/20b").matmul_parameters == matrices
    assert flops_per_token(shipped("gpt_neox/20b"), 2048, "Korthikanti") == 6 * matrices + 12 * 44 * 6144 * 2048


def test_the_numbers_reach_the_configuration() -> None:
    said = GPTNeoX(**SMALL, norm_eps=1e-6, rope_theta=5e5, initial_std=0.01, activation="gelu_tanh", parallel_residual=False)
    config = huggingface(said.architecture()).config
    found = (config.layer_norm_eps, config.initializer_range, config.hidden_act, config.use_parallel_residual)
    assert found == (1e-6, 0.01, "gelu_pytorch_tanh", False)
    assert config.rope_parameters["rope_theta"] == 5e5
    assert config.rope_parameters["partial_rotary_factor"] == 0.25
    assert said.architecture().blocks[0].residual == "serial"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"heads": 5}, "hidden_size 48 is not a multiple of heads 5; fix: write heads: 4"),
        ({"heads": 16}, "heads of odd width 3"),
        ({"heads": 4}, "of heads of width 12 is 3 dimensions; rotary positions turn pairs; fix: write rotary_fraction: 0.333333"),
        ({"rotary_fraction": 0.01}, "is 0 dimensions; .*write rotary_fraction: 0.125"),
        ({"rotary_fraction": 1.5}, "less than or equal to 1"),
        ({"layers": 0}, "greater than 0"),
    ],
)
def test_impossible_sizes_are_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        GPTNeoX(**{**SMALL, **change})


def test_the_family_is_found_by_the_name_of_its_file() -> None:
    assert FAMILIES.get("gpt_neox") is GPTNeoX
