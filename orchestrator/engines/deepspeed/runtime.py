"""What DeepSpeed expects of the process it is imported into, and how to leave that process clean.

It picks an accelerator at import, reads LOCAL_RANK from the environment, writes its log to standard
output, and keeps one process group per process.
"""

from __future__ import annotations

import importlib
import io
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import torch

from orchestrator.engines.base import Device


def import_deepspeed(device: Device) -> Any:
    """The deepspeed module, set up for `device`, with its log going to Python's root logger."""
    # It chooses by what the machine has, not by what the plan says, unless told before its first import.
    os.environ["DS_ACCELERATOR"] = device.kind
    # The engine reads it back from the environment; launchers other than torchrun may not have set it.
    os.environ["LOCAL_RANK"] = str(device.index)
    if device.kind == "cuda":
        torch.cuda.set_device(device.index)
    import deepspeed
    from deepspeed.accelerator import get_accelerator

    if get_accelerator()._name != device.kind:
        raise AssertionError(f"deepspeed was imported for {get_accelerator()._name}, not {device.kind}")
    log = logging.getLogger("DeepSpeed")
    log.handlers.clear()
    log.propagate = True
    # It calls collectives by names that torch 2.13 renamed, which warns at every call.
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch.distributed")
    # On CPUs it compiles a shared-memory all-reduce at start, for inference only; this table is asked first.
    deepspeed.ops.__compatible_ops__ = {}
    _import_muon_uncompiled()
    return deepspeed


def _import_muon_uncompiled() -> None:
    """Its module, asked whether our optimizer is a Muon, loads torch's compiler: 1-2 s of CPU per process."""
    from deepspeed.runtime import compiler

    compile_function, compiler.compile = compiler.compile, lambda: lambda function: function
    try:
        importlib.import_module("deepspeed.runtime.zero.muon.muon_optimizer")
    finally:
        compiler.compile = compile_function


@contextmanager
def output_to_log() -> Iterator[None]:
    """Some of DeepSpeed prints instead of logging (its bf16 optimizer, memory figures): log that too."""
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            yield
    finally:
        for line in printed.getvalue().splitlines():
            logging.getLogger("DeepSpeed").debug(line)


def leave_process_group() -> None:
    """Destroys the process group of one rank made here, and what DeepSpeed remembers of it."""
    import deepspeed.comm

    deepspeed.comm.destroy_process_group()
    deepspeed.comm.comm.cdb = None
