"""Mixtures of experts under Megatron-core: its router and all-to-all dispatcher, our experts and our measurements.

Core's grouped experts need a kernel library of their own and keep all experts in one matrix; these are
PyTorch's grouped product on CUDA, one product per expert on a CPU, in the shapes of the canonical checkpoint.
Core logs one number per layer; load, drops and entropy are what tells a dying expert.

    N tokens that arrived at this rank   E experts of this rank   H hidden   F expert width (this rank's part)
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from megatron.core import tensor_parallel
from megatron.core.transformer.module import MegatronModule
from megatron.core.transformer.moe import moe_layer, router
from torch import Tensor
from torch.nn import functional


class GroupedExperts(MegatronModule):
    """down(act(gate(x)) * up(x)) with each token's own expert.

    up [E, 2F, H], gate rows first; down [E, H, F].
    """

    def __init__(self, num_local_experts: int, config: Any, submodules: Any = None, pg_collection: Any = None) -> None:
        super().__init__(config=config)
        part = config.moe_ffn_hidden_size // pg_collection.expt_tp.size()
        device = None if config.use_cpu_initialization else torch.cuda.current_device()
        shapes = {"up": (2 * part, config.hidden_size), "down": (config.hidden_size, part)}
        for name, shape in shapes.items():
            weight = torch.nn.Parameter(torch.empty(num_local_experts, *shape, dtype=config.params_dtype, device=device))
            # Another expert or another part on every rank: never a duplicate when the gradient's norm is added up.
            tensor_parallel.set_tensor_model_parallel_attributes(weight, is_parallel=True, dim=0, stride=1)
            # Reduced over the ranks that hold the same part: those of dense parameters only where experts fold as these do.
            weight.allreduce = pg_collection.ep.size() == 1 and pg_collection.expt_tp.size() == pg_collection.tp.size()  # type: ignore[attr-defined]
            self.register_parameter(name, weight)

    def forward(self, hidden: Tensor, tokens_per_expert: Tensor, weights: Tensor) -> tuple[Tensor, None]:
        """hidden [N, H] sorted by expert, tokens_per_expert [E], weights [N] of the router -> [N, H]."""
        product = _grouped if _fits_kernel(hidden, self.up, self.down) else _one_by_one
        gate_NF, up_NF = product(hidden, self.up, tokens_per_expert).chunk(2, dim=-1)
        mixed_NF = self.config.activation_func(gate_NF) * up_NF * weights[:, None].to(hidden.dtype)
        return product(mixed_NF, self.down, tokens_per_expert), None


def _fits_kernel(hidden: Tensor, *matrices: Tensor) -> bool:
    """Whether the grouped kernel takes these: bf16 on CUDA, every row a multiple of 16 bytes.

    In fp32 torch loops over the experts too, after asking the device for the offsets.
    """
    aligned = all(matrix.shape[-1] * matrix.element_size() % 16 == 0 for matrix in matrices)
    return hidden.device.type == "cuda" and hidden.dtype == torch.bfloat16 and aligned


def _grouped(tokens: Tensor, matrices: Tensor, counts: Tensor) -> Tensor:
    """tokens [N, I], matrices [E, O, I] -> [N, O], in one kernel."""
    ends = counts.to(tokens.device).cumsum(0).to(torch.int32)
    return functional.grouped_mm(tokens.contiguous(), matrices.transpose(1, 2), offs=ends)


def _one_by_one(tokens: Tensor, matrices: Tensor, counts: Tensor) -> Tensor:
    """The same, expert after expert. Experts without tokens take part, so that each gets a gradient."""
    parts = tokens.split(counts.tolist())
    return torch.cat([part @ matrix.t() for part, matrix in zip(parts, matrices, strict=True)])


@dataclass(kw_only=True)
class RoutingSums:
    """Sums over the micro-batches of a step, on the device. Only this rank's tokens are counted.

    counts: assignments per expert [experts]. The losses are partial sums: this rank's share of its replica's.
    """

    counts: Tensor
    entropy: Tensor
    tokens: int = 0
    dropped: Tensor
    balance_loss: Tensor
    z_loss: Tensor

    @classmethod
    def empty(cls, experts: int, device: torch.device) -> RoutingSums:
        zero = torch.zeros((), device=device)
        return cls(counts=torch.zeros(experts, device=device), entropy=zero, dropped=zero, balance_loss=zero, z_loss=zero)


class MeasuredRouter(router.TopKRouter):
    """Core's router; keeps `sums`, and its weight's gradient right where ranks see parts of a replicated sequence."""

    def __init__(self, config: Any, pg_collection: Any = None) -> None:
        super().__init__(config=config, pg_collection=pg_collection)
        self._replicated_outside = False
        self.sums: RoutingSums | None = None

    def share_tensor_ranks(self) -> None:
        """Each tensor rank routes a part of a sequence that is whole on every rank outside the layer."""
        self._replicated_outside = True

    def gating(self, input: Tensor) -> Tensor:
        if not self._replicated_outside:
            return super().gating(input)
        # Outside the layer nobody sums this gradient over tensor ranks, for there the sequence is not cut. Summed in the
        # router's own dtype, whatever the weight's is.
        dtype = torch.float32 if self.config.moe_router_dtype == "fp32" else input.dtype
        weight = tensor_parallel.copy_to_tensor_model_parallel_region(self.weight.to(dtype), group=self.tp_group)
        return functional.linear(input.to(dtype), weight)

    def _maintain_float32_expert_bias(self) -> None:
        """Core keeps the bias in fp32 in a bf16 model, not the counts that it is moved by: 257 + 1 is 256 in bf16."""
        for buffer in (self.expert_bias, self.local_tokens_per_expert):
            if buffer is not None and buffer.dtype != torch.float32:
                buffer.data = buffer.data.float()

    def _apply_expert_bias(self, routing_map: Tensor, padding_mask: Tensor | None = None) -> None:
        """Core's, which is compiled there: one sum is not worth a compiler. Evaluation and recomputation count nothing."""
        if self.local_tokens_per_expert is not None and torch.is_grad_enabled():
            self.local_tokens_per_expert += routing_map.detach().sum(dim=0)

    def routing(self, logits: Tensor, padding_mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """logits [S, B, experts] -> weights and map, both [S x B, experts]."""
        counted = self.training and torch.is_grad_enabled()  # also the second forward of a recomputation, alone
        if counted and self.sums is None:
            self.sums = RoutingSums.empty(logits.shape[-1], logits.device)
        weights, chosen = super().routing(logits, padding_mask)
        if counted:
            self._measure(logits.detach().flatten(0, 1).float(), chosen)
        return weights, chosen

    def apply_z_loss(self, logits: Tensor, padding_mask: Tensor | None = None) -> Tensor:
        if self.sums is not None and self.training and torch.is_grad_enabled() and self.config.moe_z_loss_coeff:
            share = self.config.moe_z_loss_coeff / self.tp_cp_group.size()
            self.sums.z_loss = self.sums.z_loss + share * logits.detach().float().logsumexp(dim=-1).square().mean()
        return super().apply_z_loss(logits, padding_mask)

    def attach_and_log_load_balancing_loss(
        self, activation: Tensor, aux_loss_coeff: float, aux_loss: Tensor, *args: Any, **keywords: Any
    ) -> Tensor:
        assert self.sums is not None
        self.sums.balance_loss = self.sums.balance_loss + aux_loss.detach()
        return super().attach_and_log_load_balancing_loss(activation, aux_loss_coeff, aux_loss, *args, **keywords)

    @torch.no_grad()
    def _measure(self, logits: Tensor, chosen: Tensor) -> None:
        sums = self.sums
        assert sums is not None
        logs = logits.log_softmax(dim=-1)
        sums.counts += chosen.sum(dim=0)
        sums.entropy = sums.entropy - (logs.exp() * logs).sum()
        sums.tokens += logits.shape[0]
        sums.dropped = sums.dropped + (logits.shape[0] * self.topk - chosen.sum())


class MoELayer(moe_layer.MoELayer):
    """Core's layer; without sequence parallelism the tensor ranks share out the tokens inside it.

    Core refuses to train with tensor parallelism alone, because its dispatcher would send every token once per rank.
    """

    def __init__(self, config: Any, submodules: Any = None, layer_number: int | None = None, pg_collection: Any = None) -> None:
        self._shares_out = config.tensor_model_parallel_size > 1 and not config.sequence_parallel
        if self._shares_out:
            config = copy.copy(config)
            config.sequence_parallel = True
        super().__init__(config, submodules, layer_number, pg_collection)
        if self._shares_out:
            self.router.share_tensor_ranks()

    def forward(self, hidden_states: Tensor, *args: Any, **keywords: Any) -> tuple[Tensor, None]:
        """[S, B, H] -> the same shape."""
        if not self._shares_out:
            return super().forward(hidden_states, *args, **keywords)
        group = self.attn_tp_group
        mine = tensor_parallel.scatter_to_sequence_parallel_region(hidden_states, group=group)
        mixed, bias = super().forward(mine, *args, **keywords)
        return tensor_parallel.gather_from_sequence_parallel_region(mixed, tensor_parallel_output_grad=False, group=group), bias
