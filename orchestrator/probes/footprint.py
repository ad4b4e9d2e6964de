"""Memory of a worker: what it holds before a model, and what the allocator holds beyond what it gave out."""

from __future__ import annotations

import resource
from pathlib import Path

import torch


def resident(device: torch.device) -> int:
    """Bytes that this process holds now: resident memory on the CPU; on CUDA, all that the device has given to it and
    that is no tensor of torch's (context, kernels, communication buffers), if no one else uses the device."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return total - free - torch.cuda.memory_reserved(device)
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()


def slack(device: torch.device) -> float:
    """What the allocator holds at the peak beyond what it gave out, as a fraction of that.

    Blocks of a layer's sizes come, are kept and go as in forward and backward passes. On CUDA torch's allocator counts
    itself; on the CPU it is the C library's heap, so ask in a process that has not used it yet.
    """
    if device.type != "cuda":
        before = resident(device)
        given = max(_passes(device) for _ in range(TURNS))
        return max(0.0, (peak_resident() - before) / given - 1)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    for _ in range(TURNS):
        _passes(device)
    return max(0.0, torch.cuda.max_memory_reserved(device) / torch.cuda.max_memory_allocated(device) - 1)


TURNS = 10
BLOCKS = 4
ROWS = {"cpu": 1024, "cuda": 8192}
WIDTHS = {"cpu": (256, 256, 768, 256, 256, 896, 896, 896, 256), "cuda": (2048, 2048, 6144, 2048, 2048, 5632, 5632, 5632, 2048)}
"""Of what a LLaMA block keeps: norms, queries with keys and values, attention, gate, up, their product, residuals."""


def _passes(device: torch.device) -> int:
    """A forward pass that keeps, with a passing result beside each, and a backward pass that lets go; most bytes in use."""
    rows, widths = ROWS[device.type], WIDTHS[device.type]
    kept: list[torch.Tensor] = []
    for width in widths * BLOCKS:
        passing = torch.ones(rows, width, device=device)
        kept.append(passing * 2)
        del passing
    most = 4 * rows * (sum(widths) * BLOCKS + max(widths))
    while kept:
        gradient = kept.pop() * 2
        del gradient
    return most


def peak_resident() -> int:
    """Bytes of memory that this process has held at most. Not getrusage's, which remembers the process that started it."""
    text = Path("/proc/self/status").read_text("ascii")
    return int(text.split("VmHWM:")[1].split()[0]) * 1024
