"""The optimizers of a page, as torch optimizers, the same ones under every engine.

Equality between engines starts here: one implementation, one rule for what is decayed, one list of
state slots. DeepSpeed's own Adam kernels compile at first use and round differently; torch's fused AdamW
needs no compiler and exists for CPU and CUDA.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

ParametersAndShapes = Iterable[tuple[torch.nn.Parameter, tuple[int, ...]]]


def adamw(groups: list[dict[str, Any]], settings: Any) -> torch.optim.Optimizer:
    """Decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101)."""
    return torch.optim.AdamW(
        groups, lr=settings.lr, betas=tuple(settings.betas), eps=settings.eps, fused=True
    )


def adafactor(groups: list[dict[str, Any]], settings: Any) -> torch.optim.Optimizer:
    """Factored second moments, steps relative to each weight's RMS (Shazeer and Stern, arXiv:1804.04235).

    transformers' version, because torch's caps the learning rate at 1 / sqrt(step) whatever the schedule
    says. It needs whole matrices, so it cannot run on the flat partitions of ZeRO 1-3.
    """
    from transformers.optimization import Adafactor

    return Adafactor(
        groups,
        lr=settings.lr,
        decay_rate=settings.beta2_decay,
        clip_threshold=settings.clip_update,
        scale_parameter=True,
        relative_step=False,
    )


OPTIMIZERS: dict[str, Callable[[list[dict[str, Any]], Any], torch.optim.Optimizer]] = {
    "adamw": adamw,
    "adafactor": adafactor,
}


def make_optimizer(parameters: ParametersAndShapes, settings: Any) -> torch.optim.Optimizer:
    """The optimizer section of a page over (parameter, its global shape).

    Matrices are decayed; norms, biases and everything else with one dimension are not.
    """
    matrices: list[torch.nn.Parameter] = []
    vectors: list[torch.nn.Parameter] = []
    for parameter, shape in parameters:
        (matrices if len(shape) > 1 else vectors).append(parameter)
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return OPTIMIZERS[settings.name]([group for group in groups if group["params"]], settings)


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = lr


def materialise_state(
    optimizer: torch.optim.Optimizer, parameters: Sequence[Sequence[torch.Tensor]]
) -> None:
    """Creates the state of all `parameters` (one list per group), as zeros, before any step.

    torch optimizers make their state in the first step, too late for a restore. A step on zero
    gradients with lr 0 makes it and leaves the weights alone.
    """
    saved = [(group["lr"], group["params"]) for group in optimizer.param_groups]
    # A view of a larger parameter has none before a step, and asking it warns.
    gradients = [tensor.grad if tensor.is_leaf else None for group in parameters for tensor in group]
    for group, tensors in zip(optimizer.param_groups, parameters, strict=True):
        group["lr"], group["params"] = 0.0, list(tensors)
        for tensor in tensors:
            tensor.grad = torch.zeros_like(tensor)
    optimizer.step()
    for group, (lr, tensors) in zip(optimizer.param_groups, saved, strict=True):
        group["lr"], group["params"] = lr, tensors
    for tensor, gradient in zip((t for group in parameters for t in group), gradients, strict=True):
        tensor.grad = gradient
        for slot in slots(optimizer, tensor).values():
            slot.zero_()
    set_step(optimizer, 0)


def set_step(optimizer: torch.optim.Optimizer, step: int) -> None:
    """Sets the step counter of every parameter (Adam's bias correction depends on it)."""
    for state in optimizer.state.values():
        if isinstance(state["step"], torch.Tensor):
            state["step"].fill_(step)
        else:
            state["step"] = step


def get_step(optimizer: torch.optim.Optimizer) -> int:
    """The number of updates done, the same for all parameters."""
    return int(next(iter(optimizer.state.values()))["step"])


def slots(optimizer: torch.optim.Optimizer, parameter: torch.Tensor) -> dict[str, torch.Tensor]:
    """The state tensors of one parameter by name; counters and other scalars are not among them."""
    state = optimizer.state[parameter]
    return {name: value for name, value in state.items() if isinstance(value, torch.Tensor) and value.ndim}
