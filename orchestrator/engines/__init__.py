"""How a plan is executed: one module or package per engine, each imported only in the workers that use it.

    base.py        the contract
    boxes.py       the training state as blocks of global tensors
    optimizers.py  the torch optimizers of a page
    process_group.py  the ranks an engine trains over
    metering.py    losses averaged over micro-batches and ranks
    routing.py     the losses and the report of a mixture of experts
    router_logits.py  where Hugging Face modules keep what these need
    reference.py   plain PyTorch in one process, the oracle
    deepspeed/     ZeRO 0-3
    megatron/      tensor, sequence, pipeline, context and expert parallelism
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.engines.base import Engine

_HOMES = {
    "reference": "orchestrator.engines.reference",
    "deepspeed": "orchestrator.engines.deepspeed.engine",
    "megatron": "orchestrator.engines.megatron.engine",
}


def make_engine(name: str) -> Engine:
    """An unbuilt engine; `name` is a plan's `engine`, which the planner has checked."""
    engine: Engine = importlib.import_module(_HOMES[name]).ENGINE()
    return engine
