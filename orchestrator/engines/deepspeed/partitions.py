"""Where DeepSpeed keeps the fp32 master weights, stage by stage, and how to make the rest agree.

Each stage hides them elsewhere; all four become one list of `Fragment`: elements [start, stop) of a
named parameter are elements [offset, offset + stop - start) of a tensor `master` that the torch
optimizer updates, and the optimizer's moments lie parallel to it.

    stage 0, fp32   the module's own parameters
    stage 0, bf16   fp32_groups, whole copies parallel to fp16_groups
    stage 1, 2      one flat partition per parameter group, cut at any element; `param._hp_mapping`
    stage 3         one flat buffer per sub-group; each parameter is cut into world_size equal parts,
                    the last one padded; `grad_position`

Written against DeepSpeed 0.19; it has public accessors only for values, not for live memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, kw_only=True)
class Fragment:
    """Elements [start, start + numel) of parameter `name`, living in `master` from `offset` on."""

    name: str
    shape: tuple[int, ...]
    start: int
    numel: int
    master: torch.Tensor
    offset: int

    def view(self, tensor: torch.Tensor) -> torch.Tensor:
        """The fragment's elements of a tensor parallel to `master`, flat."""
        return tensor.detach().view(-1)[self.offset : self.offset + self.numel]


def shape_of(parameter: torch.Tensor) -> tuple[int, ...]:
    """The global shape of a parameter, also while ZeRO-3 has it partitioned."""
    return tuple(getattr(parameter, "ds_shape", parameter.shape))


def masters(zero: Any, stage: int) -> list[list[torch.Tensor]]:
    """What the torch optimizer updates, one list per parameter group."""
    groups = zero.param_groups
    if stage < 3:
        return [list(group["params"]) for group in groups]
    found: list[list[torch.Tensor]] = [[] for _ in groups]
    for sub_group, flat in enumerate(zero.fp32_partitioned_groups_flat):
        found[zero.sub_group_to_group_id[sub_group]].append(flat)
    return found


def fragments(engine: Any, stage: int, rank: int) -> Iterator[Fragment]:
    """This rank's fragments in the order of the module's parameters; none where it holds nothing of one."""
    zero = engine.optimizer
    whole = _whole_masters(zero) if stage == 0 else {}
    for name, parameter in engine.module.named_parameters():
        shape = shape_of(parameter)
        if stage == 0:
            master = whole.get(parameter, parameter)
            yield Fragment(
                name=name, shape=shape, start=0, numel=parameter.numel(), master=master, offset=0
            )
        elif stage < 3:
            mapping = parameter._hp_mapping
            if mapping is not None:
                yield Fragment(
                    name=name,
                    shape=shape,
                    start=mapping.lp_fragment_address.start,
                    numel=mapping.lp_fragment_address.numel,
                    master=zero.param_groups[mapping.param_group_index]["params"][0],
                    offset=mapping.hp_fragment_address.start,
                )
        else:
            sub_group, offset, _ = zero.grad_position[zero.get_param_id(parameter)]
            start = rank * parameter.partition_numel()
            numel = min(parameter.partition_numel(), parameter.ds_numel - start)
            if numel > 0:
                yield Fragment(
                    name=name,
                    shape=shape,
                    start=start,
                    numel=numel,
                    master=zero.fp32_partitioned_groups_flat[sub_group],
                    offset=offset,
                )


def _whole_masters(zero: Any) -> dict[torch.Tensor, torch.Tensor]:
    """bf16 parameter -> fp32 master at stage 0; empty in fp32, where nothing is wrapped."""
    if not hasattr(zero, "fp32_groups"):
        return {}
    pairs = zip(zero.fp16_groups, zero.fp32_groups, strict=True)
    return {low: high for lows, highs in pairs for low, high in zip(lows, highs, strict=True)}


@torch.no_grad()
def copy_from_masters(zero: Any, stage: int) -> None:
    """Makes the module's weights those of the masters, after something wrote into these. Collective."""
    if stage == 0:
        for parameter, master in _whole_masters(zero).items():
            parameter.copy_(master)
    elif stage < 3:
        zero.update_lp_params()
    else:
        zero._partition_all_parameters()
        for sub_group in range(len(zero.fp16_groups)):
            zero._reassign_or_swap_out_partitioned_parameters(sub_group)
        if zero.persistent_parameters:
            zero.persistent_parameters[0].all_gather(zero.persistent_parameters)
