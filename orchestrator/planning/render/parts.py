"""The parts of a rank's memory and of a step's time, as both renderers name them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields

from orchestrator.planning.memory import Memory
from orchestrator.planning.timing import StepTime

OF_MEMORY = {
    "weights": "weights in the precision of computing",
    "gradients": "gradient buffer",
    "optimizer": "optimizer state: master weights and moments",
    "activations": "what the backward pass needs of the forward pass",
    "logits": "scores over the vocabulary and their gradient",
    "buffers": "communication buffers",
    "framework": "interpreter, device context, libraries",
    "cached": "what the optimizer's step takes, in the place of activations if need be",
    "slack": "what the allocator holds beyond what is allocated",
}
OF_TIME = {
    "products": "matrix products, forward and backward",
    "attention": "attention's scores and weighted values",
    "elementwise": "operations bound by memory: norms, activations, residuals",
    "recomputed": "forward passes taken again",
    "launches": "waiting for the host to start operations",
    "tensor": "exchanges of tensor parallelism",
    "context": "exchanges of context parallelism",
    "expert": "exchanges of expert parallelism",
    "bubble": "idle pipeline stages",
    "sends": "activations between pipeline stages",
    "gradients": "reducing gradients over replicas",
    "gathers": "weights gathered from their partitions",
    "optimizer": "the optimizer's step",
    "other": "what no layout changes",
}
"""What a part is, for legends and tips; a part that is not here is shown by its name alone."""


def memory_parts(memory: Memory) -> dict[str, int]:
    """Bytes on the device by part, those that are none left out."""
    return {name: int(value) for name, value in asdict(memory).items() if name != "host" and value}


def parts_of(memories: Iterable[Memory]) -> list[str]:
    """The parts that any stage has, in the order in which they are declared."""
    used = {name for memory in memories for name in memory_parts(memory)}
    return [field.name for field in fields(Memory) if field.name in used]


def time_parts(step: StepTime) -> dict[str, float]:
    """Seconds by part, those that are none left out."""
    return {name: float(value) for name, value in asdict(step).items() if value}


def letters(names: Iterable[str]) -> dict[str, str]:
    """A letter for each part, its first that is not taken: W weights, G gradients."""
    given: dict[str, str] = {}
    for name in names:
        given[name] = next(letter for letter in f"{name}#".upper() if letter not in given.values())
    return given
