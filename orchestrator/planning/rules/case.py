"""What a rule looks at: one candidate layout of one run on one kind of hardware."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orchestrator.architecture.parts import MixtureOfExperts
from orchestrator.architecture.stack import Architecture, Block
from orchestrator.errors import Problem
from orchestrator.planning.batch import segments_of
from orchestrator.planning.capabilities import CAPABILITIES, Capabilities
from orchestrator.planning.devices import Device
from orchestrator.planning.features import distinct, features
from orchestrator.planning.layout import Layout
from orchestrator.spec.run import RunSpec
from orchestrator.spec.training import Batch


@dataclass(frozen=True, kw_only=True)
class Case:
    """Everything a rule may look at. Made by `case_of`; another layout of the same run is a `replace` of it."""

    spec: RunSpec[Any]
    layout: Layout
    architecture: Architecture
    device: Device
    devices: int
    """Devices that exist."""
    per_node: int
    """Devices in one node."""
    blocks: tuple[Block, ...]
    """The blocks that differ, each once."""
    features: frozenset[str]
    """What the model is made of, by name."""

    @property
    def able(self) -> Capabilities:
        """What the layout's engine can do."""
        return CAPABILITIES[self.layout.engine]

    @property
    def mixtures(self) -> list[MixtureOfExperts]:
        """The mixtures of experts among the blocks."""
        return [block.feed_forward for block in self.blocks if isinstance(block.feed_forward, MixtureOfExperts)]


Rule = Callable[[Case], Problem | None]


def case_of(
    spec: RunSpec[Any], architecture: Architecture, layout: Layout, device: Device, devices: int, per_node: int
) -> Case:
    """The case of a layout."""
    return Case(
        spec=spec, layout=layout, architecture=architecture, device=device, devices=devices, per_node=per_node,
        blocks=distinct(architecture.blocks), features=features(architecture),
    )  # fmt: skip


def needs(axis: str, *rules: Rule) -> tuple[Rule, ...]:
    """The same rules, silent where the engine lacks the axis: that it lacks it is complaint enough."""
    return tuple(_where_the_engine_has(axis, rule) for rule in rules)


def _where_the_engine_has(axis: str, rule: Rule) -> Rule:
    @functools.wraps(rule)
    def limited(case: Case) -> Problem | None:
        return rule(case) if axis in case.able.axes else None

    return limited


def engines_that_can(axis: str) -> str:
    """`engine megatron can`, or that none can."""
    able = [name for name, engine in CAPABILITIES.items() if axis in engine.axes]
    return f"engine {able[0]} can" if able else "no engine of this version can"


def batch_sizes_gcd(spec: RunSpec[Any]) -> int:
    """The largest number that divides the batch of every step of the ramp-up."""
    return _gcd(spec.training.batch)


@functools.lru_cache(maxsize=64)
def _gcd(batch: Batch) -> int:
    return math.gcd(*(segment.sequences for segment in segments_of(batch)))


def divisors(number: int, *, at_most: int) -> list[int]:
    """Divisors of `number` up to `at_most`, ascending."""
    low = [d for d in range(1, math.isqrt(number) + 1) if number % d == 0]
    return sorted({d for small in low for d in (small, number // small) if d <= at_most})


def listed(numbers: list[int], *, at_most: int = 8) -> str:
    """`1, 2, 4`, shortened in the middle where there are many."""
    shown = [str(number) for number in numbers]
    return ", ".join(shown if len(shown) <= at_most else [*shown[: at_most - 2], "...", shown[-1]])
