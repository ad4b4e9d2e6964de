"""Megatron-core behind the engine contract: data, tensor, sequence, pipeline, context and expert parallelism.

    translate.py  architecture and plan -> Megatron's configurations and layer spec, pure
    layers.py     the layer parts that core lacks: norms for sequence parallelism, parallel residual
    attention.py  core attention on PyTorch's fused kernels: ALiBi, documents, context parallelism
    experts.py    mixtures of experts: grouped experts, routing that is measured
    model.py      the decoder of one pipeline chunk
    logits.py     logits cut over the vocabulary, as objectives see them
    names.py      Megatron's parameters <-> the canonical names of checkpoints
    masters.py    where the optimizers keep fp32 weights and moments
    runtime.py    process groups and the other process-wide state
    cpu.py        what core expects of CUDA, on a CPU
    engine.py     the engine
    reading.py    the model as a function from tokens to logits, for generation

All that touches `megatron.core` 0.16 is in this folder.
"""

from __future__ import annotations
