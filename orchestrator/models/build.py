"""The torch module of an architecture, without a second description of the model.

An architecture names the `transformers` class and configuration that are it; this file makes the module,
empty. Weights come from `models.initialise`, so the library's own initialisation, whose result depends
on the order of construction, is never run.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from orchestrator.models.initialise import Initialiser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.architecture.stack import Architecture


def huggingface_config(architecture: Architecture) -> Any:
    """The `transformers` configuration object, with PyTorch's fused attention where the class has it (BLOOM's has not)."""
    import transformers

    named = architecture.huggingface
    attention = "sdpa" if getattr(transformers, named.model_class)._supports_sdpa else "eager"
    return getattr(transformers, named.config_class)(**named.config, attn_implementation=attention)


def build_module(architecture: Architecture, *, dtype: torch.dtype, device: torch.device) -> torch.nn.Module:
    """The module with uninitialised `dtype` parameters on `device`; buffers keep the dtype they need."""
    from transformers.initialization import no_init_weights

    model_class = module_class(architecture)
    with _default_dtype(dtype), device, no_init_weights():
        module = model_class(huggingface_config(architecture))
        module.tie_weights()
    return module


def module_class(architecture: Architecture) -> Any:
    """The `transformers` class, imported."""
    import transformers

    return getattr(transformers, architecture.huggingface.model_class)


def recompute_activations(module: Any) -> None:
    """Keeps only each layer's input for the backward pass and runs the layer again there."""
    module.activation_checkpointing_enable({"use_reentrant": False})


def initialiser(architecture: Architecture, seed: int) -> Initialiser:
    """The initial weights of this architecture under this seed."""
    return Initialiser(seed=seed, std=architecture.initial_std)


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
