"""What starting one operation costs the host: a block's small operations with nothing to compute, per operation.

On a GPU the host runs ahead, so its time is taken without waiting for the device. Layers are torch modules, since it is
Python's modules and autograd's nodes that cost, not the call into C++ alone.
"""

from __future__ import annotations

import time

import torch

from orchestrator.probes.clock import wait

TURNS = 40
CHAIN = 20
"""Operations of a forward pass; the backward pass has as many."""


def launch_s(device: torch.device) -> float:
    """Seconds of host per operation, forward and backward."""
    layers = torch.nn.Sequential(*(torch.nn.Linear(8, 8, device=device) if each % 2 else torch.nn.SiLU() for each in range(CHAIN)))
    inputs = torch.ones(8, 8, device=device)

    def both() -> None:
        layers(inputs).sum().backward()

    for _ in range(5):
        both()
    best = float("inf")
    for _ in range(5):
        wait(device)
        began = time.thread_time()
        for _ in range(TURNS):
            both()
        best = min(best, time.thread_time() - began)
        wait(device)
    return best / TURNS / (2 * CHAIN)
