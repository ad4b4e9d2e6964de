"""A Hugging Face folder -> the boxes of any layout, so that training begins with weights made elsewhere.

Each rank reads only the slices it holds, straight from the safetensors files. Some families are stored under other
names than their module has (Mixtral's experts, one by one); for those the folder is loaded by `transformers`, which
knows the conversion, once per rank.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from orchestrator.engines.boxes import Box, ShardedState
from orchestrator.errors import CommandError
from orchestrator.models.build import module_class

if TYPE_CHECKING:
    from orchestrator.architecture.stack import Architecture

def fill_weights(state: ShardedState, folder: Path, architecture: Architecture) -> None:
    """Fills every weight of `state`; moments and counters stay. Raises CommandError for a folder of another model."""
    files = _files(folder)
    boxes = [box for box in state.boxes if box.key.startswith("weights/")]
    if all(_name(box) in files for box in boxes):
        _from_files(boxes, files, folder)
    else:
        _from_module(boxes, folder, architecture)


def _name(box: Box) -> str:
    return box.key.removeprefix("weights/")


def _files(folder: Path) -> dict[str, Path]:
    """Parameter name -> the safetensors file that holds it."""
    from safetensors import safe_open

    index, single = folder / "model.safetensors.index.json", folder / "model.safetensors"
    if index.is_file():
        placed = json.loads(index.read_text("utf-8"))["weight_map"]
        return {name: folder / file for name, file in placed.items()}
    if not single.is_file():
        raise CommandError(f"training.initial_weights: {folder} holds neither {single.name} nor {index.name}")
    with safe_open(single, framework="pt") as tensors:
        return dict.fromkeys(tensors.keys(), single)


@torch.no_grad()
def _from_files(boxes: list[Box], files: dict[str, Path], folder: Path) -> None:
    from safetensors import safe_open

    for file in dict.fromkeys(files.values()):
        with safe_open(file, framework="pt") as tensors:
            for box in boxes:
                if files[_name(box)] != file:
                    continue
                stored = tensors.get_slice(_name(box))
                _require_shape(box, tuple(stored.get_shape()), folder)
                box.tensor.copy_(stored[_slices(box)])


@torch.no_grad()
def _from_module(boxes: list[Box], folder: Path, architecture: Architecture) -> None:
    module = module_class(architecture).from_pretrained(folder, dtype=torch.float32)
    parameters = dict(module.named_parameters())
    for box in boxes:
        if _name(box) not in parameters:
            raise CommandError(f"training.initial_weights: {folder} holds no {_name(box)}; it is of another model")
        _require_shape(box, tuple(parameters[_name(box)].shape), folder)
        box.tensor.copy_(parameters[_name(box)][_slices(box)])


def _slices(box: Box) -> tuple[slice, ...]:
    return tuple(slice(first, first + size) for first, size in zip(box.offsets, box.tensor.shape, strict=True))


def _require_shape(box: Box, found: tuple[int, ...], folder: Path) -> None:
    if found != box.global_shape:
        raise CommandError(
            f"training.initial_weights: {_name(box)} has shape {found} in {folder}, and {box.global_shape} in this page's model"
        )
