"""Initial weights depend on seed, name and position, and on nothing else."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from orchestrator.models import initialise
from orchestrator.models.build import initialiser
from orchestrator.models.initialise import Initialiser, initial_weight
from tests.architecture.modules import named_shapes
from tests.plans import tiny_plan

WEIGHTS = Initialiser(seed=3, std=0.02)


@pytest.mark.parametrize(
    ("shape", "offsets", "part"),
    [
        ((300, 500), (0, 0), (300, 500)),
        ((300, 500), (131, 36), (1, 400)),  # the end of one row, over a block boundary
        ((300, 500), (100, 0), (57, 500)),  # whole rows, as data parallelism cuts
        ((300, 500), (0, 125), (300, 125)),  # columns, as tensor parallelism cuts
        ((8, 100, 200), (3, 10, 20), (2, 30, 40)),
    ],
)
def test_any_part_can_be_drawn_alone(
    shape: tuple[int, ...], offsets: tuple[int, ...], part: tuple[int, ...]
) -> None:
    whole = WEIGHTS.whole("layer.weight", shape)
    index = tuple(slice(first, first + size) for first, size in zip(offsets, part, strict=True))
    assert torch.equal(WEIGHTS.part("layer.weight", shape, offsets, part), whole[index])


def test_names_and_seeds_give_independent_numbers() -> None:
    shape = (200, 300)
    one = initial_weight("a.weight", shape, seed=1, std=1.0)
    for name, seed in [("b.weight", 1), ("a.weight", 2)]:
        other = initial_weight(name, shape, seed=seed, std=1.0)
        correlation = float((one * other).mean())
        assert abs(correlation) < 5 / math.sqrt(one.numel())


def test_numbers_are_normal_over_many_blocks() -> None:
    numbers = initial_weight("a.weight", (5, initialise.BLOCK), seed=1, std=0.02).double() / 0.02
    error = 1 / math.sqrt(numbers.numel())
    assert abs(float(numbers.mean())) < 5 * error
    assert abs(float(numbers.square().mean()) - 1) < 5 * math.sqrt(2) * error
    assert abs(float(numbers.pow(4).mean()) - 3) < 5 * math.sqrt(96) * error
    assert not torch.equal(numbers[0], numbers[1]), "blocks are different streams"


def test_norms_are_ones_and_biases_zeros() -> None:
    assert initial_weight("norm.weight", (5,), seed=1, std=1.0).tolist() == [1] * 5
    assert initial_weight("q_proj.bias", (5,), seed=1, std=1.0).tolist() == [0] * 5


@pytest.mark.parametrize("model", [{"family": "gpt_neox", "rotary_fraction": 0.5}, {"family": "bloom"}, {"family": "mixtral", "experts": 4}])
def test_every_parameter_of_a_family_starts_as_its_part_should(model: dict[str, Any]) -> None:
    """Gains of norms are ones, biases zeros, matrices and stacked experts normal."""
    architecture = tiny_plan(model={**model, "initial_std": 0.05}).architecture
    weights = initialiser(architecture, seed=1)
    for name, shape in named_shapes(architecture).items():
        drawn = weights.whole(name, shape)
        if len(shape) == 1:
            assert drawn.tolist() == [0.0 if name.endswith(".bias") else 1.0] * shape[0]
        else:
            assert float(drawn.std()) == pytest.approx(0.05, rel=5 / math.sqrt(2 * drawn.numel()))
            assert abs(float(drawn.mean())) < 5 * 0.05 / math.sqrt(drawn.numel())


def test_residual_outputs_are_smaller_only_where_the_architecture_says_so() -> None:
    plain = Initialiser(seed=1, std=0.02)
    scaled = Initialiser(seed=1, std=0.02, residual_std=0.01)
    for name in ("layers.0.self_attn.o_proj.weight", "layers.0.mlp.down_proj.weight"):
        assert torch.allclose(scaled.whole(name, (8, 8)) * 2, plain.whole(name, (8, 8)))
    name = "layers.0.self_attn.q_proj.weight"
    assert torch.equal(scaled.whole(name, (8, 8)), plain.whole(name, (8, 8)))


def test_the_numbers_are_those_of_every_earlier_version() -> None:
    """A change here changes every run's curve: say so in the changelog if it must be."""
    drawn = initial_weight("model.embed_tokens.weight", (2, 3), seed=42, std=1.0)
    expected = [[-0.7760561, -0.6082513, -0.6228607], [0.0967285, -2.1238542, 0.8990039]]
    torch.testing.assert_close(drawn, torch.tensor(expected), rtol=0, atol=1e-6)
