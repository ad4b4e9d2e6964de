"""Mixtral as data. Oracles: the released parameter counts, and `transformers`' own module on the meta device."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.architecture.families.mixtral import Mixtral
from orchestrator.architecture.parts import MixtureOfExperts
from orchestrator.registry import FAMILIES
from tests.architecture.modules import assert_names_are_the_modules, count, huggingface, shipped

# The exact counts of the released weights; the paper rounds them to 47B and names 13B that one token meets.
PUBLISHED = {"8x7b": 46_702_792_704, "8x22b": 140_620_634_112}

SMALL: dict[str, Any] = {
    "family": "mixtral", "layers": 3, "hidden_size": 48, "heads": 6, "ffn_size": 112, "experts": 5, "vocab_size": 250,
    "max_positions": 64,
}  # fmt: skip
VARIANTS: dict[str, dict[str, Any]] = {
    "as Mixtral": {"kv_heads": 2},
    "no groups": {},
    "tied": {"tie_embeddings": True},
    "one expert a token": {"experts_per_token": 1},
    "all experts": {"experts_per_token": 5},
    "one layer": {"layers": 1},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_size_has_the_published_count(name: str) -> None:
    architecture = shipped(f"mixtral/{name}")
    assert architecture.parameters == count(huggingface(architecture)) == PUBLISHED[name]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_count_is_that_of_the_module(variant: str) -> None:
    architecture = Mixtral(**{**SMALL, **VARIANTS[variant]}).architecture()
    assert architecture.parameters == count(huggingface(architecture))


@pytest.mark.parametrize("variant", VARIANTS)
def test_names_are_those_of_the_module(variant: str) -> None:
    assert_names_are_the_modules(Mixtral(**{**SMALL, **VARIANTS[variant]}).architecture())


def test_a_token_meets_two_experts_of_eight() -> None:
    """Jiang et al. 2024, section 2: 13B active parameters, the look-up counted as the paper does."""
    architecture = shipped("mixtral/8x7b")
    assert architecture.matmul_parameters + 32_000 * 4096 == pytest.approx(12.88e9, rel=1e-3)
    experts = 32 * 2 * 3 * 4096 * 14_336
    attention = 32 * (2 * 32 + 2 * 8) * 128 * 4096
    assert architecture.matmul_parameters == experts + attention + 32 * 8 * 4096 + 32_000 * 4096


def test_what_keeps_the_load_even_reaches_the_router() -> None:
    said = Mixtral(
        **SMALL, balance_loss=0.3, router_z_loss=0.1, router_bias_rate=0.001, router_scores="sigmoid", capacity=1.25
    )
    feed_forward = said.architecture().blocks[0].feed_forward
    assert isinstance(feed_forward, MixtureOfExperts)
    router = feed_forward.router
    found = (router.balance_loss, router.z_loss, router.bias_rate, router.scores, router.capacity)
    assert found == (0.3, 0.1, 0.001, "sigmoid", 1.25)


def test_the_numbers_reach_the_configuration() -> None:
    said = Mixtral(**SMALL, kv_heads=2, norm_eps=1e-6, rope_theta=5e5, initial_std=0.01, experts_per_token=3)
    config = huggingface(said.architecture()).config
    found = (config.num_key_value_heads, config.rms_norm_eps, config.initializer_range, config.num_experts_per_tok)
    assert found == (2, 1e-6, 0.01, 3)
    assert config.rope_parameters["rope_theta"] == 5e5
    assert config.num_local_experts == 5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"heads": 5}, "hidden_size 48 is not a multiple of heads 5; fix: write heads: 4"),
        ({"heads": 16}, "heads of odd width 3"),
        ({"kv_heads": 4}, "heads 6 is not a multiple of kv_heads 4; fix: write kv_heads: 3"),
        ({"experts_per_token": 6}, "experts_per_token 6 exceeds experts 5; fix: write experts_per_token: 5"),
        ({"capacity": 0.0}, "greater than 0"),
    ],
)
def test_impossible_sizes_are_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Mixtral(**{**SMALL, **change})


def test_the_family_is_found_by_the_name_of_its_file() -> None:
    assert FAMILIES.get("mixtral") is Mixtral
