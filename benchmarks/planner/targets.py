"""What is to be reached: a set of runs, a figure of it, and the most that it may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from orchestrator.architecture.parts import MixtureOfExperts
from orchestrator.planning.published import Run


@dataclass(frozen=True, kw_only=True)
class Target:
    """`figure`: mean error of step time or of peak memory, or mean regret, of the runs that `holds` picks."""

    name: str
    figure: Literal["time", "memory", "regret"]
    most: float
    holds: Callable[[Run], bool]


def is_mixture(run: Run) -> bool:
    return any(isinstance(block.feed_forward, MixtureOfExperts) for block in run.work.architecture.blocks[-1:])


def _of(*words: str, device: str = "", mixture: bool | None = None) -> Callable[[Run], bool]:
    def holds(run: Run) -> bool:
        said = all(word in run.source for word in words) and run.hardware.device.name.startswith(device)
        return said and (mixture is None or is_mixture(run) == mixture)

    return holds


TARGETS = (
    Target(name="SC21, Table 1", figure="time", most=0.05, holds=_of("SC21", "Table 1")),
    # Its measurements. The share of peak in the abstract has no batch beside it, and is scored with the other sources.
    Target(name="Korthikanti, Table 5", figure="time", most=0.04, holds=_of("Korthikanti", "Table 5")),
    Target(name="BLOOM, layouts", figure="time", most=0.08, holds=_of("BLOOM-176B")),
    Target(name="vTrain, several nodes", figure="time", most=0.10, holds=_of("vTrain", "multi-node")),
    Target(name="vTrain, one node", figure="time", most=0.10, holds=_of("vTrain", "single-node")),
    Target(name="torchtitan, H100", figure="time", most=0.10, holds=_of("torchtitan", device="H100")),
    Target(name="MosaicML, H100", figure="time", most=0.10, holds=_of("MosaicML", device="H100")),
    Target(name="MosaicML, A100", figure="time", most=0.10, holds=_of("MosaicML", device="A100")),
    Target(name="Megatron-Bridge, H100, dense", figure="time", most=0.12, holds=_of("Megatron-Bridge", device="H100", mixture=False)),
    Target(name="Megatron-Bridge, H100, MoE", figure="time", most=0.15, holds=_of("Megatron-Bridge", device="H100", mixture=True)),
    Target(name="all rows, peak memory", figure="memory", most=0.10, holds=_of()),
    Target(name="all rows, regret", figure="regret", most=0.03, holds=_of()),
)  # fmt: skip
"""Means over the runs of a set; that of regret over the groups of all sources."""
