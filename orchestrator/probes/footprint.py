"""Memory of a worker: what it holds before a model, and what the allocator holds beyond what it gave out."""

from __future__ import annotations

import resource
from pathlib import Path

import torch

SIZES = (*(2**power for power in range(20, 27)), 3 * 2**20, 5 * 2**22, 7 * 2**23)
"""Bytes of tensors that come and go in the slack probe: activations of unequal layers."""


def resident(device: torch.device) -> int:
    """Bytes that this process holds now: resident memory on the CPU; on CUDA, all that the device has given to it and
    that is no tensor of torch's (context, kernels, communication buffers), if no one else uses the device."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return total - free - torch.cuda.memory_reserved(device)
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()


def slack(device: torch.device) -> float:
    """What is reserved at the peak beyond what is allocated, as a fraction of that; nothing is reserved on the CPU."""
    if device.type != "cuda":
        return 0.0
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    held: list[torch.Tensor] = []
    for turn in range(6):
        held += [torch.empty(size, dtype=torch.uint8, device=device) for size in SIZES[turn % 3 :]]
        del held[:: 2 + turn % 2]
    allocated, reserved = torch.cuda.max_memory_allocated(device), torch.cuda.max_memory_reserved(device)
    del held
    torch.cuda.empty_cache()
    return max(0.0, reserved / allocated - 1)
