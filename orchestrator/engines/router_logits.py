"""The logits of a Hugging Face module's routers, without changing the module or its objective.

A router's losses need its logits with their graph; the model returns the language model's. Forward hooks
keep them. Under activation recomputation a router runs again in the backward pass, so only forwards within
`recording` count; under ZeRO 3 a hook that is registered after DeepSpeed's own sees the output through which
the backward pass gathers the router's weight again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from orchestrator.engines.routing import routers_of

if TYPE_CHECKING:
    from orchestrator.architecture.stack import Architecture


class RouterLogits:
    """Watches the routers of `module`, found by the names that the architecture gives them."""

    def __init__(self, architecture: Architecture, module: torch.nn.Module) -> None:
        names = architecture.huggingface.names
        self._recording = False
        self._shapes: list[tuple[int, int]] = []
        self._kept: dict[int, list[torch.Tensor]] = {layer: [] for layer in routers_of(architecture)}
        if self._kept:
            # Routers see a flat list of tokens; the embedding's output says how they make sequences.
            module.get_submodule(names.embedding).register_forward_hook(self._keep_shape)
        for layer, kept in self._kept.items():
            module.get_submodule(names.router.format(layer=layer)).register_forward_hook(self._keep_in(kept))

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Keeps the logits of every forward within, and forgets those of before."""
        self._forget()
        self._recording = True
        try:
            yield
        finally:
            self._recording = False

    def take(self) -> list[torch.Tensor]:
        """The logits recorded, [b, s, E] of each router in the model's order; keeps none of them."""
        taken = [
            torch.cat([logits.unflatten(0, shape) for logits, shape in zip(kept, self._shapes, strict=True)])
            for kept in self._kept.values()
        ]
        self._forget()
        return taken

    def _forget(self) -> None:
        self._shapes.clear()
        for kept in self._kept.values():
            kept.clear()

    def _keep_shape(self, module: Any, inputs: Any, output: torch.Tensor) -> None:
        if self._recording:
            self._shapes.append((output.shape[0], output.shape[1]))

    def _keep_in(self, kept: list[torch.Tensor]) -> Any:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            if self._recording:
                logits = output[0] if isinstance(output, tuple) else output
                kept.append(logits.flatten(0, -2))

        return hook
