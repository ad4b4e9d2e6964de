"""What one optimizer step asks of the devices: everything that estimates of time and memory read, in one value.

A plan of this project and a published run of someone else's become the same kind of thing here, so that what judges
the estimates is what makes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.architecture.stack import Architecture
from orchestrator.planning.held import ENGINES as HELD
from orchestrator.planning.held import Held
from orchestrator.planning.layout import Layout
from orchestrator.planning.software import Software, stack_of
from orchestrator.planning.stages import Stages, split
from orchestrator.spec.run import RunSpec


@dataclass(frozen=True, kw_only=True)
class Work:
    """One step: `sequences` of `sequence_length` tokens through `architecture` in `layout`.

    precision: of the matrix products (`fp32`, `fp16`, `bf16`, `fp8`); weights are two bytes wide but for fp32.
    """

    architecture: Architecture
    layout: Layout
    sequence_length: int
    sequences: int
    precision: str
    optimizer: str
    software: Software
    dealt: Stages | None = None
    """Blocks of every pipeline rank where they are not dealt as this project does."""

    @property
    def stages(self) -> Stages:
        return self.dealt or split(self.architecture, self.layout)

    @property
    def micro_batches(self) -> int:
        """Per step and replica."""
        return max(1, self.sequences // (self.layout.data * self.layout.micro_batch))

    @property
    def tokens(self) -> int:
        """Per step, all replicas together."""
        return self.sequences * self.sequence_length

    @property
    def width(self) -> int:
        """Bytes of a weight and of an activation."""
        return 4 if self.precision == "fp32" else 2

    @property
    def held(self) -> Held:
        """What the software holds in memory."""
        return self.software.held or HELD[self.layout.engine]


def work_of(spec: RunSpec[Any], architecture: Architecture, layout: Layout) -> Work:
    """A step of a run page at its full batch, in a layout."""
    training = spec.training
    return Work(
        architecture=architecture, layout=layout, sequence_length=spec.data.sequence_length,
        sequences=training.batch.sequences, precision=training.precision, optimizer=training.optimizer.name,
        software=stack_of(layout),
    )  # fmt: skip
