"""Seconds of repeated work. On a GPU the host only starts it, so events on the device's own clock are read.

What else a machine does only ever adds to a time, so of repetitions the lower quartile is kept: half of the medians of a
busy hour would be someone else's work.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import torch

WARM_UP = 3
LEAST, MOST = 5, 400


def typical(seconds: Iterable[float]) -> float:
    """The lower quartile."""
    ordered = sorted(seconds)
    return ordered[(len(ordered) - 1) // 4]


def seconds_of(act: Callable[[], object], device: torch.device, *, budget_s: float = 0.15) -> float:
    """Typical seconds of `act`, repeated for about `budget_s` (at least 5 and at most 400 times)."""
    for _ in range(WARM_UP):
        act()
    once = _on_device if device.type == "cuda" else _on_host
    seconds = [once(act, device)]
    while len(seconds) < LEAST or (len(seconds) < MOST and sum(seconds) < budget_s):
        seconds.append(once(act, device))
    return typical(seconds)


def _on_host(act: Callable[[], object], _: torch.device) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _on_device(act: Callable[[], object], device: torch.device) -> float:
    began, ended = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize(device)
    began.record()
    act()
    ended.record()
    ended.synchronize()
    return began.elapsed_time(ended) * 1e-3


def wait(device: torch.device) -> None:
    """Until the device has done what was started on it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
