"""Seconds of repeated work: on a core, the thread's own; on a GPU, by events on the device's clock.

What else a machine does only ever adds to a time. A thread's clock stands while another program has the core, and of
repetitions the lower quartile is kept: a median of a busy hour would be half someone else's work.
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
    began = time.thread_time()
    act()
    return time.thread_time() - began


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
