"""Peak bytes on one rank of every pipeline stage, by what makes them.

    parts.py        what a rank's memory is made of
    activations.py  what a block keeps for its backward pass
    whole.py        the model whole on each rank, or partitioned by ZeRO
    split.py        the model cut by tensor, pipeline, context and expert parallelism
"""

from __future__ import annotations

from orchestrator.planning.capabilities import CAPABILITIES
from orchestrator.planning.hardware import Hardware
from orchestrator.planning.memory.parts import Memory
from orchestrator.planning.memory.split import estimate_stages
from orchestrator.planning.memory.whole import estimate_memory
from orchestrator.planning.work import Work

__all__ = ["Memory", "memory_of"]


def memory_of(work: Work, hardware: Hardware) -> tuple[Memory, ...]:
    """Peak bytes on one rank of every pipeline stage."""
    layout, framework = work.layout, hardware.calibration.framework_bytes
    if CAPABILITIES[layout.engine].splits_models:
        return estimate_stages(
            work.architecture, layout, framework=framework, precision=work.precision, optimizer=work.optimizer,
            sequence_length=work.sequence_length, micro_batches=work.micro_batches,
        )  # fmt: skip
    alone = estimate_memory(
        work.architecture, engine=layout.engine, framework=framework, precision=work.precision, optimizer=work.optimizer,
        zero=layout.zero, offload=layout.offload, data=layout.data, micro_batch=layout.micro_batch,
        sequence_length=work.sequence_length, recompute=layout.recompute,
    )  # fmt: skip
    return (alone,)
