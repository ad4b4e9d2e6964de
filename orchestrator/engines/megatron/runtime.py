"""What Megatron-core keeps per process: parallel groups, random states, buffers; and how to leave the process clean."""

from __future__ import annotations

import gc
import importlib
import logging
import os
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import distributed

from orchestrator.engines.base import Device

if TYPE_CHECKING:
    from orchestrator.planning.layout import Layout


def take_device(device: Device, layout: Layout) -> None:
    """Makes `device` the current one, where core puts parameters and buffers.

    Before that, since the driver reads it when it makes the context: tensor parallelism overlaps its collectives with
    matrix products only if kernels start in the order of their calls, which one hardware queue ensures
    (megatron.core.tensor_parallel.layers). It changes no number. A process whose context exists already wants the
    variable in the environment that it is started with.
    """
    if layout.tensor > 1:
        os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "1")
    if device.kind == "cuda":
        torch.cuda.set_device(device.index)


def import_core() -> Any:
    """`megatron.core`, imported without its advice to install Apex and Transformer Engine, which the README gives."""
    log = logging.getLogger("megatron")
    log.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        core = importlib.import_module("megatron.core")
        importlib.import_module("megatron.core.models.gpt.gpt_model")
        optimizer: Any = importlib.import_module("megatron.core.optimizer")
        moe_utils: Any = importlib.import_module("megatron.core.transformer.moe.moe_utils")
    # Where Transformer Engine is installed core would take its Adam, which counts steps elsewhere and rounds otherwise.
    optimizer.USING_PYTORCH_OPTIMIZER = True
    # The router asks whether it is None, but only Transformer Engine defines it.
    vars(moe_utils).setdefault("te_general_gemm", None)
    log.setLevel(logging.WARNING)
    # It does not know our mixture of experts by name and says so once per layer.
    logging.getLogger("megatron.core.transformer.transformer_layer").setLevel(logging.ERROR)
    # It calls collectives by names that torch 2.13 renamed, which warns at every call.
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch.distributed")
    # Its finalize_model_grads leaves out a group that its own helper then asks for, and warns of it at every step.
    warnings.filterwarnings("ignore", message="Warning: tp_group is None", category=DeprecationWarning)
    # Selective recomputation is of our own attention, whether or not the matrices are Transformer Engine's.
    warnings.filterwarnings("ignore", message="If you are using transformer_engine as the transformer", category=UserWarning)
    return core


def initialise(layout: Layout, seed: int) -> None:
    """Makes the parallel groups of a layout over the default process group. Collective."""
    from megatron.core import parallel_state, tensor_parallel

    parallel_state.initialize_model_parallel(
        tensor_model_parallel_size=layout.tensor,
        pipeline_model_parallel_size=layout.pipeline,
        virtual_pipeline_model_parallel_size=layout.virtual if layout.virtual > 1 else None,
        context_parallel_size=layout.context,
        expert_model_parallel_size=layout.expert,
        expert_tensor_parallel_size=layout.expert_tensor,
        # Used only by core's own checkpoints.
        create_gloo_process_groups=False,
    )
    before = torch.get_rng_state()
    tensor_parallel.model_parallel_cuda_manual_seed(seed % 2**31)
    torch.set_rng_state(before)


def terminate(groups: list[Any]) -> None:
    """Forgets the layout and destroys the process groups that `initialise` made."""
    from megatron.core import parallel_state, tensor_parallel
    from megatron.core.models.common.embeddings.rotary_pos_embedding import RotaryEmbedding
    from megatron.core.transformer.moe.moe_utils import get_moe_layer_wise_logging_tracker
    from megatron.core.transformer.moe.token_dispatcher import MoEAlltoAllTokenDispatcher

    parallel_state.destroy_model_parallel()
    # It remembers groups in two places more, and a group that is remembered keeps its sockets and threads.
    parallel_state._global_process_group_list = None
    RotaryEmbedding.forward.cache_clear()
    tensor_parallel.get_cuda_rng_tracker().reset()
    # Core's log of router losses has as many layers as the first model of the process, and refers to its groups.
    get_moe_layer_wise_logging_tracker().clear()
    MoEAlltoAllTokenDispatcher.cuda_dtoh_stream = None
    for group in groups:
        distributed.destroy_process_group(group)
    groups.clear()
    gc.collect()  # modules and hooks hold each other, and the groups


def process_groups() -> set[Any]:
    """All process groups of this process, to tell later which ones are new."""
    return set(distributed.distributed_c10d._world.pg_map)
