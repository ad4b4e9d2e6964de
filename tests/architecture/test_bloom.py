"""BLOOM as data. Oracles: the released parameter counts, and `transformers`' own module on the meta device."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.architecture.families.bloom import Bloom
from orchestrator.architecture.parts import ALiBi
from orchestrator.planning.flops import flops_per_token
from orchestrator.registry import FAMILIES
from tests.architecture.modules import assert_names_are_the_modules, count, huggingface, shipped

# Le Scao et al. 2022, table 3, in the exact counts of the released weights.
PUBLISHED = {
    "560m": 559_214_592, "1b1": 1_065_314_304, "1b7": 1_722_408_960,
    "3b": 3_002_557_440, "7b1": 7_069_016_064, "176b": 176_247_271_424,
}  # fmt: skip

SMALL: dict[str, Any] = {"family": "bloom", "layers": 3, "hidden_size": 48, "heads": 6, "vocab_size": 250}
VARIANTS: dict[str, dict[str, Any]] = {
    "as BLOOM": {},
    "rounded vocabulary": {"vocab_multiple": 128},
    "heads of odd width": {"heads": 16},
    "one layer": {"layers": 1},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_size_has_the_published_count(name: str) -> None:
    assert shipped(f"bloom/{name}").parameters == PUBLISHED[name]


def test_176b_is_the_module_of_that_size() -> None:
    architecture = shipped("bloom/176b")
    assert count(huggingface(architecture)) == PUBLISHED["176b"]
    assert architecture.embedding.vocab == architecture.head.vocab == 250_880


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_count_is_that_of_the_module(variant: str) -> None:
    architecture = Bloom(**{**SMALL, **VARIANTS[variant]}).architecture()
    assert architecture.parameters == count(huggingface(architecture))


@pytest.mark.parametrize("variant", VARIANTS)
def test_names_are_those_of_the_module(variant: str) -> None:
    assert_names_are_the_modules(Bloom(**{**SMALL, **VARIANTS[variant]}).architecture())


@pytest.mark.parametrize("heads", [6, 12, 16, 64, 112])
def test_alibi_slopes_are_those_of_the_module(heads: int) -> None:
    torch = pytest.importorskip("torch")
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    biases = build_alibi_tensor(torch.ones(1, 2, dtype=torch.int64), heads, torch.float32)
    assert ALiBi(heads=heads).slopes == pytest.approx(biases[:, 0, 1].tolist(), rel=1e-6)


def test_flops_are_six_per_matrix_parameter_and_the_scores() -> None:
    """Korthikanti et al. 2022 without recomputation, as PaLM's 6N + 12 L H Q T on matrices; the tied head multiplies, the look-up does not."""
    matrices = 70 * 12 * 14_336**2 + 250_880 * 14_336
    assert shipped("bloom/176b").matmul_parameters == matrices
    assert flops_per_token(shipped("bloom/176b"), 2048, "Korthikanti") == 6 * matrices + 12 * 70 * 14_336 * 2048


def test_the_numbers_reach_the_configuration() -> None:
    config = huggingface(Bloom(**SMALL, norm_eps=1e-6, initial_std=0.01, vocab_multiple=100).architecture()).config
    assert (config.layer_norm_epsilon, config.initializer_range, config.vocab_size) == (1e-6, 0.01, 300)
    assert config.tie_word_embeddings


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"heads": 5}, "hidden_size 48 is not a multiple of heads 5; fix: write heads: 4"),
        ({"layers": 0}, "greater than 0"),
        ({"vocab_multiple": 0}, "greater than 0"),
    ],
)
def test_impossible_sizes_are_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Bloom(**{**SMALL, **change})


def test_the_family_is_found_by_the_name_of_its_file() -> None:
    assert FAMILIES.get("bloom") is Bloom
