"""What Megatron-core keeps per process: parallel groups, random states, buffers; and how to leave the process clean."""

from __future__ import annotations

import importlib
import logging
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import distributed

if TYPE_CHECKING:
    from orchestrator.planning.layout import Layout


def import_core() -> Any:
    """`megatron.core`, imported without its advice to install Apex and Transformer Engine, which the README gives."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        core = importlib.import_module("megatron.core")
        importlib.import_module("megatron.core.models.gpt.gpt_model")
        optimizer: Any = importlib.import_module("megatron.core.optimizer")
    # Where Transformer Engine or Apex is installed core takes Adam from there, whose state has another form and rounding.
    optimizer.USING_PYTORCH_OPTIMIZER = True
    logging.getLogger("megatron").setLevel(logging.WARNING)
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
    from megatron.core.transformer.moe.moe_utils import get_moe_layer_wise_logging_tracker
    from megatron.core.transformer.moe.token_dispatcher import MoEAlltoAllTokenDispatcher

    parallel_state.destroy_model_parallel()
    tensor_parallel.get_cuda_rng_tracker().reset()
    # Core's log of router losses has as many layers as the first model of the process, and refers to its groups.
    get_moe_layer_wise_logging_tracker().clear()
    MoEAlltoAllTokenDispatcher.cuda_dtoh_stream = None
    for group in groups:
        distributed.destroy_process_group(group)


def process_groups() -> set[Any]:
    """All process groups of this process, to tell later which ones are new."""
    return set(distributed.distributed_c10d._world.pg_map)
