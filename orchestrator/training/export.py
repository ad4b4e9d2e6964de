"""A run -> a Hugging Face folder: safetensors, config and tokenizer, as `transformers` loads them.

The weights are read from the newest good checkpoint, whatever layout wrote it, without starting an engine.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from data_pipeline.stored.storage import open_data
from orchestrator.engines.boxes import Box, ShardedState
from orchestrator.errors import CheckpointError, CommandError
from orchestrator.models.build import build_module
from orchestrator.planning.capabilities import CAPABILITIES
from orchestrator.planning.features import features
from orchestrator.spec import load_run
from orchestrator.training.checkpoint.read import fill, newest_good
from orchestrator.training.gang import Gang
from orchestrator.training.rundir import RunDir
from orchestrator.training.views.wandb import log_export

if TYPE_CHECKING:
    from orchestrator.architecture.stack import Architecture

_OF_TRAINING = {"Router.capacity"}
"""Tokens are dropped while training; a model that is used drops none."""
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def load_trained(run: RunDir) -> tuple[Any, Any, int]:
    """The trained module (in the run's precision), its tokenizer, and the step it is of. Raises CheckpointError."""
    from transformers import PreTrainedTokenizerFast

    loaded = load_run(run.spec, json.loads(run.execution.read_text("utf-8"))["overrides"])
    _require_expressible(loaded.spec.model.architecture())
    manifest, damaged = newest_good(run.checkpoints, Gang())
    if manifest is None:
        found = "; ".join(str(damage) for damage in damaged) or f"{run.checkpoints} holds none"
        raise CheckpointError(f"run {run.name} has no good checkpoint: {found}")
    module = build_module(loaded.spec.model.architecture(), dtype=torch.float32, device=torch.device("cpu"))
    boxes = [
        Box(key=f"weights/{name}", global_shape=tuple(parameter.shape), offsets=(0,) * parameter.dim(), tensor=parameter.data)
        for name, parameter in module.named_parameters()
    ]
    fill(ShardedState(boxes=boxes), manifest, run.checkpoints)
    prepared, _ = open_data(json.loads(run.execution.read_text("utf-8"))["data"], live=loaded.spec.data.live)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(prepared.tokenizer_path))
    end = tokenizer.convert_ids_to_tokens(prepared.end_id)
    tokenizer.eos_token = tokenizer.bos_token = tokenizer.pad_token = end
    config: Any = module.config
    config.eos_token_id = config.bos_token_id = config.pad_token_id = prepared.end_id
    return module.to(DTYPES[loaded.spec.training.precision]).eval(), tokenizer, manifest.step


def _require_expressible(architecture: Architecture) -> None:
    """Raises CommandError for a model that its `transformers` class would compute otherwise, without a word."""
    missing = set(CAPABILITIES["reference"].missing(features(architecture))) - _OF_TRAINING
    if missing:
        name = architecture.huggingface.model_class
        raise CommandError(f"transformers' {name} has no {', '.join(sorted(missing))}: what it computed would be another model")


def export(run: RunDir, out: Path) -> int:
    """Writes the folder `out`; returns the step it is of. Raises CommandError when `out` holds something else."""
    if out.exists() and any(out.iterdir()) and not (out / "config.json").exists():
        raise CommandError(f"{out} is not empty and is no exported model; choose another OUT")
    module, tokenizer, step = load_trained(run)
    module.generation_config.eos_token_id = module.config.eos_token_id
    module.generation_config.pad_token_id = module.config.pad_token_id
    module.save_pretrained(out)
    tokenizer.save_pretrained(out)
    if load_run(run.resolved).spec.tracking.wandb and run.plan.exists():
        log_export(run, out)
    return step
