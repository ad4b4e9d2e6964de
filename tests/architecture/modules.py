"""What the tests of all families ask: the page that ships, and the module of `transformers` as the oracle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.architecture.parts import LayerNorm, MixtureOfExperts
from orchestrator.architecture.stack import Architecture
from orchestrator.spec import load_run

ROOT = Path(__file__).resolve().parents[2]


def shipped(page: str) -> Architecture:
    """The architecture of `model_specs/PAGE.yaml`."""
    architecture: Architecture = load_run(ROOT / f"model_specs/{page}.yaml").spec.model.architecture()
    return architecture


def huggingface(architecture: Architecture) -> Any:
    """The module that the architecture names, without memory for its weights."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    said = architecture.huggingface
    config = getattr(transformers, said.config_class)(**said.config)
    with torch.device("meta"):
        return getattr(transformers, said.model_class)(config)


def count(module: Any) -> int:
    """Parameters, a tied one once."""
    return sum(weight.numel() for weight in module.parameters())


def named_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Every parameter that the parts say there is, under the name that the architecture gives it."""
    names, hidden = architecture.huggingface.names, architecture.hidden
    found = {f"{names.embedding}.weight": (architecture.embedding.vocab, hidden)}
    norms = [(names.final_norm, architecture.final_norm)]
    if architecture.embedding.norm:
        norms.append((names.embedding_norm, architecture.embedding.norm))
    if not architecture.head.tied:
        found[f"{names.head}.weight"] = (architecture.head.vocab, hidden)
    for layer, block in enumerate(architecture.blocks):
        attention, feed_forward = block.attention, block.feed_forward
        norms += [(names.attention_norm, block.norm), (names.feed_forward_norm, block.norm)]
        norms = [(name.format(layer=layer), norm) for name, norm in norms]
        query, key = attention.heads * attention.head_dim, attention.kv_heads * attention.head_dim
        rows = (query, key, key) if len(names.qkv) == 3 else (query + 2 * key,)
        matrices = [(name, (size, hidden)) for name, size in zip(names.qkv, rows, strict=True)]
        matrices.append((names.attention_output, (hidden, query)))
        biases = [(name, shape[:1]) for name, shape in matrices] if attention.bias else []
        if isinstance(feed_forward, MixtureOfExperts):
            experts, size = feed_forward.router.experts, feed_forward.expert.size
            matrices.append((names.router, (experts, hidden)))
            found[names.experts_up.format(layer=layer)] = (experts, 2 * size, hidden)
            found[names.experts_down.format(layer=layer)] = (experts, hidden, size)
        else:
            ends = [*((name, (feed_forward.size, hidden)) for name in names.up), (names.down, (hidden, feed_forward.size))]
            matrices += ends
            biases += [(name, shape[:1]) for name, shape in ends] if getattr(feed_forward, "bias", False) else []
        found |= {f"{name.format(layer=layer)}.weight": shape for name, shape in matrices}
        found |= {f"{name.format(layer=layer)}.bias": shape for name, shape in biases}
    for name, norm in norms:
        found[f"{name}.weight"] = (hidden,)
        if isinstance(norm, LayerNorm):
            found[f"{name}.bias"] = (hidden,)
    return found


def assert_names_are_the_modules(architecture: Architecture) -> None:
    """Names and shapes are all of the module's parameters and no other."""
    module = huggingface(architecture)
    assert named_shapes(architecture) == {name: tuple(each.shape) for name, each in module.named_parameters()}
