"""Seconds of one optimizer step, by what takes them.

    products.py     matrix products in tiles and waves
    attention.py    scores and weighted values, fused or not
    elementwise.py  what memory's bandwidth bounds
    collectives.py  exchanges among ranks
    layer.py        one block on one rank, for one micro-batch
    head.py         logits and loss; the embedding
    launches.py     waiting for the host
    stage.py        one pipeline stage, for one micro-batch
    pipeline.py     bubble and sends
    replicas.py     gradients reduced, weights gathered
    optimizer.py    the optimizer's step
    host.py         the same step on CPU cores, which workers share
    gloo.py         exchanges over sockets of one machine
    step.py         all together
"""

from orchestrator.planning.timing.pipeline import bubble_fraction
from orchestrator.planning.timing.step import StepTime, step_time

__all__ = ["StepTime", "bubble_fraction", "step_time"]
