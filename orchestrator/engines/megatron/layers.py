"""The parts of a layer that Megatron-core lacks.

Its torch norms refuse sequence parallelism, in which a norm's gradient is a partial sum on each rank; and no
layer of it adds attention and feed-forward to the same residual.

    S sequence (this rank's part)   B batch   H hidden
"""

from __future__ import annotations

from typing import Any

import torch
from megatron.core.transformer.transformer_layer import TransformerLayer
from megatron.core.utils import make_viewless_tensor
from torch import Tensor


class RMSNorm(torch.nn.RMSNorm):
    """torch's RMSNorm, made as a layer spec makes norms."""

    def __init__(self, config: Any, hidden_size: int, eps: float) -> None:
        super().__init__(hidden_size, eps=eps, dtype=config.params_dtype)
        _mark(self, config)


class LayerNorm(torch.nn.LayerNorm):
    """torch's LayerNorm, made as a layer spec makes norms."""

    def __init__(self, config: Any, hidden_size: int, eps: float) -> None:
        super().__init__(hidden_size, eps=eps, dtype=config.params_dtype)
        _mark(self, config)


def _mark(norm: torch.nn.Module, config: Any) -> None:
    """Parameters marked so have their gradients summed over the tensor-parallel ranks, which saw other positions."""
    for parameter in norm.parameters():
        parameter.sequence_parallel = config.sequence_parallel  # type: ignore[attr-defined]


class ParallelResidualLayer(TransformerLayer):
    """x + attention(norm1(x)) + feed_forward(norm2(x)), as in GPT-J and GPT-NeoX (arXiv:2204.06745, section 2.1)."""

    def forward(self, hidden_states: Tensor, *args: Any, **keywords: Any) -> tuple[Tensor, Any]:
        """hidden_states [S, B, H] -> the same shape, and the context that core's layers pass on."""
        keywords.pop("dynamic_inference_decode_only", None)
        attended_SBH, context = self._forward_attention(hidden_states, *args, **keywords)
        normed_SBH = self._forward_pre_mlp_layernorm(hidden_states)
        fed = self.mlp(normed_SBH, padding_mask=keywords.get("padding_mask"))
        with self.bias_dropout_add_exec_handler():
            output_SBH = self.mlp_bda(self.training, self.config.bias_dropout_fusion)(fed, attended_SBH, self.hidden_dropout)
        return make_viewless_tensor(output_SBH, requires_grad=output_SBH.requires_grad, keep_graph=True), context
