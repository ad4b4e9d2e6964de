"""Megatron's parameters tile the tensors of `transformers`: every element is on one rank of a replica, and on one only.

The oracle of the canonical side is the `transformers` module on the meta device; that of the other side is what core's
own modules have when the engine builds them (`test_the_shapes_are_those_that_core_builds`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from orchestrator.architecture.parts import GatedFeedForward, LayerNorm, MixtureOfExperts
from orchestrator.architecture.stack import Architecture
from orchestrator.engines.megatron.names import Piece, Rank, pieces
from orchestrator.models.build import build_module
from orchestrator.planning.layout import Layout
from orchestrator.planning.mesh import coordinates
from orchestrator.planning.stages import Chunk, split
from orchestrator.registry import FAMILIES
from tests.distributed import run_distributed
from tests.plans import MODELS, tiny_plan

Shape = tuple[int, ...]

PAGES: dict[str, dict[str, Any]] = {
    **{family: page | {"layers": 4} for family, page in MODELS.items()},
    "llama of four groups": MODELS["llama"] | {"layers": 4, "heads": 8, "kv_heads": 4, "hidden_size": 64},
    "llama of one group": MODELS["llama"] | {"layers": 4, "kv_heads": 1},
    "llama tied": MODELS["llama"] | {"layers": 4, "tie_embeddings": True},
    "llama of 253 tokens": MODELS["llama"] | {"layers": 4, "vocab_size": 253},
    "llama of 5 tokens, whose last of four ranks has none": MODELS["llama"] | {"layers": 4, "vocab_size": 5, "kv_heads": 4},
    "mixtral of four groups": MODELS["mixtral"] | {"layers": 4, "kv_heads": 4},
}
STAGES = ((1, 1), (2, 1), (4, 1), (2, 2))
"""(pipeline, virtual)."""


def architecture_of(page: dict[str, Any]) -> Architecture:
    found: Architecture = FAMILIES.get(page["family"]).model_validate(page).architecture()
    return found


def layouts() -> Iterator[tuple[str, Layout]]:
    """Every legal one of tensor 1, 2, 4, expert 1, 2, 4 and expert_tensor 1, 2, with a few splits into stages."""
    for name, page in PAGES.items():
        block = architecture_of(page).blocks[0]
        moe = isinstance(block.feed_forward, MixtureOfExperts)
        for tensor in (1, 2, 4):
            if block.attention.kv_heads % tensor:
                continue
            for expert in (1, 2, 4) if moe else (1,):
                for cut in (1, 2) if moe else (tensor,):
                    data = math.lcm(tensor, expert * cut) // tensor
                    for pipeline, virtual in STAGES if cut == tensor else STAGES[:2]:
                        yield name, Layout(
                            engine="megatron", data=data, tensor=tensor, pipeline=pipeline, virtual=virtual, expert=expert,
                            expert_tensor=cut, micro_batch=1, zero=0, offload="none", recompute="none",
                        )  # fmt: skip


def parameters_of(architecture: Architecture, layout: Layout, chunk: Chunk) -> dict[str, Shape]:
    """What a Decoder of this chunk has on each rank, by core's rules of cutting: columns, rows, padded vocabulary."""
    tensor, hidden = layout.tensor, architecture.hidden
    rows = -(-architecture.embedding.vocab // tensor)
    found: dict[str, Shape] = {}

    def norm(place: str, part: Any) -> None:
        found[f"{place}.weight"] = (hidden,)
        if isinstance(part, LayerNorm):
            found[f"{place}.bias"] = (hidden,)

    if chunk.embedding:
        found["embedding.word_embeddings.weight"] = (rows, hidden)
        if architecture.embedding.norm is not None:
            norm("embedding_norm", architecture.embedding.norm)
    for number, block in enumerate(architecture.blocks[chunk.first : chunk.last]):
        layer, attention, part = f"decoder.layers.{number}", block.attention, block.feed_forward
        queries, width = attention.heads * attention.head_dim, attention.head_dim
        norm(f"{layer}.input_layernorm", block.norm)
        norm(f"{layer}.pre_mlp_layernorm", block.norm)
        columns = (queries + 2 * attention.kv_heads * width) // tensor
        found[f"{layer}.self_attention.linear_qkv.weight"] = (columns, hidden)
        found[f"{layer}.self_attention.linear_proj.weight"] = (hidden, queries // tensor)
        if attention.bias:
            found[f"{layer}.self_attention.linear_qkv.bias"] = (columns,)
            found[f"{layer}.self_attention.linear_proj.bias"] = (hidden,)
        if isinstance(part, MixtureOfExperts):
            experts, size = part.router.experts // layout.expert, part.expert.size // layout.expert_tensor
            found[f"{layer}.mlp.router.weight"] = (part.router.experts, hidden)
            found[f"{layer}.mlp.experts.up"] = (experts, 2 * size, hidden)
            found[f"{layer}.mlp.experts.down"] = (experts, hidden, size)
            continue
        size = part.size // tensor
        columns = 2 * size if isinstance(part, GatedFeedForward) else size
        found[f"{layer}.mlp.linear_fc1.weight"] = (columns, hidden)
        found[f"{layer}.mlp.linear_fc2.weight"] = (hidden, size)
        if attention.bias:
            found[f"{layer}.mlp.linear_fc1.bias"] = (columns,)
            found[f"{layer}.mlp.linear_fc2.bias"] = (hidden,)
    if chunk.head:
        norm("decoder.final_layernorm", architecture.final_norm)
        if not (architecture.head.tied and chunk.embedding):
            found["output_layer.weight"] = (rows, hidden)
    return found


def canonical_shapes(architecture: Architecture) -> dict[str, Shape]:
    module = build_module(architecture, dtype=torch.float32, device=torch.device("meta"))
    return {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}


@dataclass(frozen=True)
class Held:
    """One parameter of one rank."""

    name: str
    shape: Shape
    tensor: int
    """The tensor rank, or for experts none: no expert has a duplicate inside its replica."""
    pieces: tuple[Piece, ...]


def held_by_a_replica(architecture: Architecture, layout: Layout) -> Iterator[Held]:
    for rank in range(layout.world_size):
        place = coordinates(layout, rank)
        for chunk in split(architecture, layout)[place.pipeline]:
            for name, shape in parameters_of(architecture, layout, chunk).items():
                expert = ".experts." in name
                if (place.expert_data if expert else place.data) == 0:
                    found = pieces(architecture, Rank.of(layout, place), name, chunk.first)
                    yield Held(name, shape, 0 if expert else place.tensor, found)


def region(offsets: Shape, shape: Shape) -> tuple[slice, ...]:
    return tuple(slice(start, start + size) for start, size in zip(offsets, shape, strict=True))


CASES = [
    pytest.param(page, layout, id=f"{page}, tensor {layout.tensor}, expert {layout.expert} x {layout.expert_tensor},"
    f" pipeline {layout.pipeline} x {layout.virtual}")
    for page, layout in layouts()
]  # fmt: skip


@pytest.mark.parametrize(("page", "layout"), CASES)
def test_the_parameters_of_a_replica_tile_the_canonical_tensors(page: str, layout: Layout) -> None:
    architecture = architecture_of(PAGES[page])
    expected = canonical_shapes(architecture)
    names = architecture.huggingface.names
    covered = {name: np.zeros((layout.tensor, *shape), dtype=int) for name, shape in expected.items()}
    for held in held_by_a_replica(architecture, layout):
        local = np.zeros(held.shape, dtype=int)
        for piece in held.pieces:
            assert piece.global_shape == expected[piece.name]
            mine = region(piece.local_offsets, piece.shape)
            assert local[mine].shape == piece.shape  # inside the parameter
            local[mine] += 1
            theirs = covered[piece.name][held.tensor][region(piece.global_offsets, piece.shape)]
            assert theirs.shape == piece.shape  # inside the tensor
            # The last stage's copy of a tied embedding is not another part of it.
            if not (held.name == "output_layer.weight" and architecture.head.tied):
                theirs += 1
        padding = held.shape[0] - local.any(axis=tuple(range(1, local.ndim))).sum() if local.ndim else 0
        if padding:
            assert held.name in ("embedding.word_embeddings.weight", "output_layer.weight")
            local = local[: held.shape[0] - padding]
        assert (local == 1).all(), held.name
    whole_on_every_rank = 0
    for name, count in covered.items():
        once = (count.sum(axis=0) == 1).all()
        replicated = (count == 1).all()
        assert once or replicated, name
        if replicated and layout.tensor > 1:
            whole_on_every_rank += 1
            assert len(expected[name]) == 1 or name.startswith(names.router.split("{")[0] or "-"), name
    assert layout.tensor == 1 or whole_on_every_rank >= 2 * len(architecture.blocks) + 1


def test_the_copy_of_a_tied_embedding_is_the_embedding_row_for_row() -> None:
    architecture = architecture_of(PAGES["llama tied"])
    for tensor in range(2):
        rank = Rank(tensor=tensor, tensors=2, expert=0, experts=1, expert_tensor=0, expert_tensors=2)
        assert pieces(architecture, rank, "output_layer.weight", 3) == pieces(
            architecture, rank, "embedding.word_embeddings.weight", 0
        )


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("llama", "decoder.layers.0.mlp.router.weight"),
        ("llama", "decoder.layers.0.mlp.linear_fc3.weight"),
        ("llama", "embedding.position_embeddings.weight"),
        ("llama", "decoder.layers.0.mlp.experts.up"),
        ("mixtral", "decoder.layers.0.mlp.linear_fc1.weight"),
        ("mixtral", "decoder.layers.0.mlp.router.bias"),
        ("mixtral", "decoder.layers.0.mlp.experts.gate"),
        ("bloom", "decoder.layers.0.self_attention.q_layernorm.weight"),
        ("bloom", "norm.weight"),
    ],
)
def test_a_parameter_that_no_row_knows_is_an_error(family: str, name: str) -> None:
    rank = Rank(tensor=0, tensors=1, expert=0, experts=1, expert_tensor=0, expert_tensors=1)
    with pytest.raises(KeyError):
        pieces(architecture_of(PAGES[family]), rank, name, 0)


def built_shapes(family: str, degrees: dict[str, Any]) -> list[tuple[dict[str, Shape], dict[str, Shape]]]:
    """(what core built, what `parameters_of` says) for every chunk of this rank."""
    from torch import distributed

    from orchestrator.engines import make_engine
    from orchestrator.engines.base import Device

    plan = tiny_plan(
        world_size=distributed.get_world_size(), family=family, model={"layers": 4}, parallelism={"engine": "megatron", **degrees}
    )
    engine: Any = make_engine("megatron")
    engine.build(plan, Device(kind="cpu"))
    built = [{name: tuple(each.shape) for name, each in chunk.module.named_parameters()} for chunk in engine._chunks]
    stage = coordinates(plan.layout, distributed.get_rank()).pipeline
    engine.close()
    return [
        (found, parameters_of(plan.architecture, plan.layout, chunk))
        for found, chunk in zip(built, plan.stages[stage], strict=True)
    ]


@pytest.mark.parametrize(
    ("family", "ranks", "degrees"),
    [
        *((family, 2, {"tensor": 2}) for family in MODELS),
        ("mixtral", 2, {"expert": 2}),
        ("mixtral", 2, {"expert_tensor": 2}),
        ("bloom", 2, {"pipeline": 2}),
    ],
)
def test_the_shapes_are_those_that_core_builds(family: str, ranks: int, degrees: dict[str, Any]) -> None:
    for chunks in run_distributed(built_shapes, ranks, family, degrees):
        for found, said in chunks:
            assert found == said
