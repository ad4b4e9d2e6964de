"""Any saved layout -> the boxes of any other, by intersecting rectangles.

Each rank reads only the parts of the blocks that overlap what it holds. A box that the saved blocks do
not cover to the last element is an error, never a silent zero.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import torch

from orchestrator.engines.boxes import Box, ShardedState
from orchestrator.errors import CheckpointError
from orchestrator.training.checkpoint.manifest import (
    Damage,
    Manifest,
    folder_of,
    read_manifest,
    steps_on_disk,
    verify_files,
)
from orchestrator.training.gang import Gang


def newest_good(checkpoints: Path, gang: Gang) -> tuple[Manifest | None, list[Damage]]:
    """The newest checkpoint whose every file is as the manifest says, and the damage found on the way.

    Collective: the ranks share the reading of each checkpoint's files.
    """
    damaged: list[Damage] = []
    for step in gang.from_leader(steps_on_disk(checkpoints)):
        manifest = gang.from_leader(read_manifest(checkpoints, step))
        if isinstance(manifest, Damage):
            damaged.append(manifest)
            continue
        mine = verify_files(checkpoints, step, manifest.files[gang.rank :: gang.world_size])
        found = [damage for part in gang.gather(mine) for damage in part]
        if not found:
            return manifest, damaged
        damaged.extend(found)
    return None, damaged


def fill(state: ShardedState, manifest: Manifest, checkpoints: Path) -> None:
    """Fills every box and scalar of `state` from a checkpoint. Raises CheckpointError for anything not covered."""
    wanted: dict[str, list[tuple[Box, list[int], list[int]]]] = defaultdict(list)
    for box in state.boxes:
        entry = manifest.boxes.get(box.key)
        if entry is None:
            raise CheckpointError(f"checkpoint step {manifest.step} holds no {box.key}; it is of another model or optimizer")
        if tuple(entry["shape"]) != box.global_shape:
            raise CheckpointError(
                f"{box.key} has shape {tuple(entry['shape'])} in checkpoint step {manifest.step}, and {box.global_shape} in this model"
            )
        for file, offsets, shape in entry["blocks"]:
            wanted[file].append((box, offsets, shape))
    missing = {id(box): box.tensor.numel() for box in state.boxes}
    for file, pieces in wanted.items():
        _fill_from(folder_of(checkpoints, manifest.step) / file, pieces, missing)
    for box in state.boxes:
        if missing[id(box)]:
            raise CheckpointError(f"checkpoint step {manifest.step} lacks {missing[id(box)]:,} elements of {box.key}")
    for name in state.scalars:
        if name not in manifest.scalars:
            raise CheckpointError(f"checkpoint step {manifest.step} holds no counter {name!r}")
        state.scalars[name] = manifest.scalars[name]


def _fill_from(path: Path, pieces: list[tuple[Box, list[int], list[int]]], missing: dict[int, int]) -> None:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as shard:
        for box, offsets, shape in pieces:
            overlap = _overlap(box, offsets, shape)
            if overlap is None:
                continue
            source, target = overlap
            key = f"{box.key}@{','.join(map(str, offsets))}"
            part: Any = shard.get_slice(key)[source] if source else shard.get_tensor(key)
            with torch.no_grad():
                box.tensor[target].copy_(part)
            missing[id(box)] -= part.numel()


def _overlap(box: Box, offsets: list[int], shape: list[int]) -> tuple[tuple[slice, ...], tuple[slice, ...]] | None:
    """The overlap of a box and a saved block, as slices of the block and of the box; None when they do not meet."""
    source, target = [], []
    for mine, size, theirs, length in zip(box.offsets, box.tensor.shape, offsets, shape, strict=True):
        start, stop = max(mine, theirs), min(mine + size, theirs + length)
        if start >= stop:
            return None
        source.append(slice(start - theirs, stop - theirs))
        target.append(slice(start - mine, stop - mine))
    return tuple(source), tuple(target)
