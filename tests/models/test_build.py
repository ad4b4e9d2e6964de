"""The module is the one the architecture names, and holds exactly the parameters it counts."""

from __future__ import annotations

import pytest
import torch
import transformers

from orchestrator.models.build import build_module
from tests.plans import tiny_plan

CPU = torch.device("cpu")


@pytest.mark.parametrize("tied", [False, True])
def test_parameter_count_is_the_architectures(tied: bool) -> None:
    architecture = tiny_plan(model={"tie_embeddings": tied}).architecture
    module = build_module(architecture, dtype=torch.float32, device=CPU)
    assert sum(parameter.numel() for parameter in module.parameters()) == architecture.parameters


def test_tied_weights_appear_once_under_the_embeddings_name() -> None:
    module = build_module(
        tiny_plan(model={"tie_embeddings": True}).architecture, dtype=torch.float32, device=CPU
    )
    names = [name for name, _ in module.named_parameters()]
    assert "model.embed_tokens.weight" in names
    assert "lm_head.weight" not in names
    assert module.lm_head.weight is module.model.embed_tokens.weight


def test_bf16_is_for_parameters_and_buffers_stay_as_the_library_makes_them() -> None:
    architecture = tiny_plan().architecture
    module = build_module(architecture, dtype=torch.bfloat16, device=CPU)
    assert {parameter.dtype for parameter in module.parameters()} == {torch.bfloat16}
    theirs = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(**architecture.huggingface.config, attn_implementation="sdpa")
    )
    expected = dict(theirs.named_buffers())
    for name, buffer in module.named_buffers():
        assert buffer.dtype == expected[name].dtype
        assert torch.equal(buffer, expected[name])


def test_the_default_dtype_is_put_back() -> None:
    build_module(tiny_plan().architecture, dtype=torch.bfloat16, device=CPU)
    assert torch.get_default_dtype() == torch.float32
