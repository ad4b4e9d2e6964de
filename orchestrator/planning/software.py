"""What a training stack does that costs or saves time and memory: traits of software, not names of it.

A published run of 2021 kept attention's scores in memory and one of 2024 does not; the same layout on the same
devices then differs by a third. The engines of this project have one each, and so has every published row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from orchestrator.planning.held import Held
from orchestrator.planning.layout import Layout


@dataclass(frozen=True, kw_only=True)
class Software:
    """Traits of one training stack.

    attention: `fused`, no matrix of scores is kept or written (FlashAttention); `scores`, it is (Megatron-LM before it).
    causal_skips: whether fused attention skips the masked half.
    attention_speed: of its fused kernel, to FlashAttention-2's on the same device.
    context: how a context group attends: `ring`, keys and values go round behind attention (Ring Attention, arXiv:2310.01889);
        `heads`, a part of the sequence is exchanged for a part of the heads before it and back after (DeepSpeed-Ulysses).
    gradient_bytes: bytes per parameter of the gradient buffer that is reduced; None: that of the weights.
    overlaps_gradients, overlaps_gathers, overlaps_tensor, overlaps_experts: which communication may run behind computing.
    compiled: elementwise operations are fused by a compiler.
    selective: fraction of the forward products that selective recomputation takes again, beside all that is no product.
    stops_early: full recomputation ends where the last kept tensor is made, so that a block's last product is not taken
        again (torch.utils.checkpoint with `use_reentrant=False` since PyTorch 2.1).
    adds_in_products: the product that makes a weight's gradient adds it to the buffer (Megatron-LM since 2022).
    reduces_once: under ZeRO 3 gradients stay whole until a step's last micro-batch (FSDP2's `set_requires_gradient_sync`).
    reduces_each: ZeRO's gradients are reduced after every micro-batch below stage 3 too, since ranks keep no whole ones.
    uneven: routers deal rows as they learn to (uneven.py); published benchmarks mostly force an even share.
    one_copy: a token goes to a node once, however many of its experts are there (DeepEP).
    vocab_multiple: the vocabulary's rows on a rank are padded to a multiple of it (Megatron-LM's `make_vocab_size_divisible_by`).
    graphs: the host launches whole graphs, so that its overhead does not count.
    """

    attention: Literal["fused", "scores"] = "fused"
    causal_skips: bool = True
    attention_speed: float = 1.0
    context: Literal["ring", "heads"] = "ring"
    gradient_bytes: int | None = None
    overlaps_gradients: bool = False
    overlaps_gathers: bool = False
    overlaps_tensor: bool = False
    overlaps_experts: bool = False
    compiled: bool = False
    selective: float = 0.0
    stops_early: bool = False
    adds_in_products: bool = False
    reduces_once: bool = False
    reduces_each: bool = False
    uneven: bool = False
    one_copy: bool = False
    vocab_multiple: int = 128
    graphs: bool = False
    held: Held | None = None
    """What it holds in memory; None: what the layout's engine does (held.py)."""


ENGINES: MappingProxyType[str, Software] = MappingProxyType(
    {
        "reference": Software(gradient_bytes=4, stops_early=True, vocab_multiple=1),
        "deepspeed": Software(gradient_bytes=4, stops_early=True, vocab_multiple=1),
        "megatron": Software(context="heads", gradient_bytes=4, overlaps_gradients=True, uneven=True, vocab_multiple=1),
    }
)
"""The stacks of this project's engines, without what hangs on the layout (`stack_of`)."""


@lru_cache(maxsize=256)
def stack_of(layout: Layout) -> Software:
    """The stack of a layout's engine: what it is configured to do there (tests/engines/test_traits.py).

    DeepSpeed overlaps nothing at stage 0 or where it offloads; stages 1 and 2 gather inside the optimizer's step, and only
    stage 3 ahead of use; from stage 2 on gradients are partitioned as they are made (ZeRO, arXiv:1910.02054, section 5.2).
    """
    stack = ENGINES[layout.engine]
    if layout.engine != "deepspeed":
        return stack
    behind = layout.zero > 0 and layout.offload == "none"
    return replace(
        stack, overlaps_gradients=behind, overlaps_gathers=behind and layout.zero == 3, reduces_each=layout.zero >= 2
    )
