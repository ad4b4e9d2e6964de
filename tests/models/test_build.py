"""The module is the one the architecture names, and holds exactly the parameters it counts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers

from orchestrator.models.build import build_module, initialiser
from tests.plans import tiny_plan

CPU = torch.device("cpu")

MODELS: dict[str, dict[str, Any]] = {
    "llama": {},
    "llama, tied": {"tie_embeddings": True},
    "gpt_neox": {"family": "gpt_neox", "rotary_fraction": 0.5},
    "gpt_neox, tied and serial": {"family": "gpt_neox", "rotary_fraction": 1.0, "tie_embeddings": True, "parallel_residual": False},
    "bloom": {"family": "bloom"},
    "mixtral": {"family": "mixtral", "experts": 4},
}


@pytest.mark.parametrize("model", MODELS)
def test_parameter_count_is_the_architectures(model: str) -> None:
    architecture = tiny_plan(model=MODELS[model]).architecture
    module = build_module(architecture, dtype=torch.float32, device=CPU)
    assert sum(parameter.numel() for parameter in module.parameters()) == architecture.parameters


@pytest.mark.parametrize("model", MODELS)
def test_attention_is_fused_where_the_class_has_it(model: str) -> None:
    module = build_module(tiny_plan(model=MODELS[model]).architecture, dtype=torch.float32, device=CPU)
    assert module.config._attn_implementation == ("sdpa" if type(module)._supports_sdpa else "eager")


@pytest.mark.parametrize("model", MODELS)
def test_no_token_sees_a_later_one(model: str) -> None:
    architecture = tiny_plan(model=MODELS[model]).architecture
    module, weights = build_module(architecture, dtype=torch.float32, device=CPU), initialiser(architecture, seed=1)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(weights.whole(name, parameter.shape))
        tokens = torch.arange(24).view(1, 24)
        whole = module(input_ids=tokens, use_cache=False).logits
        first = module(input_ids=tokens[:, :10], use_cache=False).logits
    torch.testing.assert_close(whole[:, :10], first, rtol=0, atol=1e-5)
    assert not torch.allclose(whole[:, 9], whole[:, 10])


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
