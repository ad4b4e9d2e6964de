"""Megatron-core on a CPU: every CUDA call that its training path makes, and what stands in for it.

Core assumes CUDA in some 250 places. Proving layouts on a laptop needs the real code, so inside `adapted()`
the few calls that are reached get a stand-in, each with its reason, and outside all is as it was. On a GPU
nothing here is entered.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import distributed

CPU = torch.device("cpu")


class _Stream:
    """A CUDA stream or event on a device where all work is done when the call returns."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        pass

    def wait_stream(self, other: Any) -> None:
        pass

    def record_event(self, event: Any = None) -> _Stream:
        return self

    def wait_event(self, event: Any) -> None:
        pass

    def synchronize(self) -> None:
        pass


_STREAM = _Stream()


def _on_cpu(make: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    def made(*args: Any, device: Any = None, pin_memory: bool = False, **keywords: Any) -> torch.Tensor:
        return make(*args, device=CPU if str(device).startswith("cuda") else device, **keywords)

    return made


def _type(tensor: torch.Tensor, *args: Any, **keywords: Any) -> Any:
    named = _TENSOR_TYPE(tensor, *args, **keywords)
    return named.replace("torch.", "torch.cuda.", 1) if isinstance(named, str) else named


def _all_to_all_single(
    output: torch.Tensor, input: torch.Tensor, output_split_sizes: Any = None, input_split_sizes: Any = None, **keywords: Any
) -> Any:
    outputs, inputs = (None if sizes is None else [int(size) for size in sizes] for sizes in (output_split_sizes, input_split_sizes))
    return _ALL_TO_ALL(output, input, outputs, inputs, **keywords)


def _all_gather(outputs: list[torch.Tensor], mine: torch.Tensor, group: Any = None, **keywords: Any) -> Any:
    if len({output.shape for output in outputs}) == 1:
        return _ALL_GATHER(outputs, mine, group=group, **keywords)
    for rank, output in enumerate(outputs):
        if rank == distributed.get_rank(group):
            output.copy_(mine)
        distributed.broadcast(output, group=group, group_src=rank)
    return None


def _reduce_scatter(output: torch.Tensor, inputs: list[torch.Tensor], group: Any = None, **keywords: Any) -> Any:
    if len({part.shape for part in inputs}) == 1:
        return _REDUCE_SCATTER(output, inputs, group=group, **keywords)
    for rank, part in enumerate(inputs):
        total = part.clone()
        distributed.reduce(total, group=group, group_dst=rank)
        if rank == distributed.get_rank(group):
            output.copy_(total)
    return None


_TENSOR_TYPE = torch.Tensor.type
_ALL_TO_ALL = distributed.all_to_all_single
_ALL_GATHER = distributed.all_gather
_REDUCE_SCATTER = distributed.reduce_scatter


def _replacements() -> tuple[tuple[Any, str, Any], ...]:
    """(object, attribute, stand-in), with the place in core that calls it."""
    from megatron.core.tensor_parallel import random

    return (
        # Buffers of collectives, p2p and gradients are made on "the current device".
        (torch.cuda, "current_device", lambda: CPU),
        # Counters of schedules, gradient norms and the routers' trackers say device="cuda".
        (torch, "zeros", _on_cpu(torch.zeros)),
        (torch, "tensor", _on_cpu(torch.tensor)),
        # p2p waits for a batch of sends; parallel_state for new groups.
        (torch.cuda, "synchronize", lambda *_: None),
        # The all-to-all dispatcher copies its split sizes on a side stream.
        (torch.cuda, "Stream", _Stream),
        (torch.cuda, "Event", _Stream),
        (torch.cuda, "current_stream", lambda *_: _STREAM),
        (torch.cuda, "default_stream", lambda *_: _STREAM),
        (torch.cuda, "stream", lambda *_: contextlib.nullcontext()),
        (torch.Tensor, "record_stream", lambda *_: None),
        # Routers, rotary tables and rotary slices move themselves to the GPU at first use.
        (torch.Tensor, "cuda", lambda tensor, *_, **__: tensor),
        # Optimizers and clipping tell dtypes by the name of the tensor type.
        (torch.Tensor, "type", _type),
        # Seeds of tensor-parallel regions and of recomputation live in the CUDA generator.
        (torch.cuda, "get_rng_state", lambda *_, **__: torch.get_rng_state()),
        (torch.cuda, "manual_seed", lambda seed: torch.default_generator.manual_seed(seed)),
        (random, "_get_cuda_rng_state", lambda *_, **__: torch.get_rng_state()),
        (random, "_set_cuda_rng_state", lambda state, *_, **__: torch.set_rng_state(state)),
        # Gloo wants split sizes as integers; the dispatcher passes tensors.
        (distributed, "all_to_all_single", _all_to_all_single),
        # Gloo wants parts of one size; ranks of one expert's parts get as many tokens as were routed to them.
        (distributed, "all_gather", _all_gather),
        (distributed, "reduce_scatter", _reduce_scatter),
    )


_MISSING = object()


@contextlib.contextmanager
def adapted() -> Iterator[None]:
    """Megatron-core runs on the CPU inside this context. Contexts may nest."""
    before = []
    for owner, name, stand_in in _replacements():
        before.append((owner, name, vars(owner).get(name, _MISSING)))  # not what a class inherits
        setattr(owner, name, stand_in)
    try:
        yield
    finally:
        for owner, name, value in reversed(before):
            if value is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, value)
