"""Boxes -> shards -> manifest: every rank writes what it owns, rank 0 says last that all of it is there.

A shard is a safetensors file whose tensors are called `KEY@offsets`; nothing in it depends on how many
ranks wrote it. A failed save leaves no folder behind and is known to all ranks at once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from orchestrator.engines.boxes import Box, ShardedState
from orchestrator.errors import CheckpointError
from orchestrator.training.checkpoint.manifest import File, Manifest, checksum, folder_of
from orchestrator.training.gang import Gang
from orchestrator.training.rundir import sync_folder
from orchestrator.units import format_bytes

MARGIN = 16 * 2**20
"""Bytes left free for metrics, ledger and manifest."""


def write_checkpoint(checkpoints: Path, state: ShardedState, manifest: Manifest, gang: Gang) -> Manifest:
    """Saves the owned boxes of all ranks as the step of `manifest`, completed with files and boxes.

    Collective. Raises CheckpointError on every rank when any rank could not write; the folder is then gone.
    """
    folder = folder_of(checkpoints, manifest.step)
    owned = [box for box in state.boxes if box.owned]
    _require_space(checkpoints, sum(box.tensor.numel() * box.tensor.element_size() for box in owned), gang)
    if gang.leads:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    gang.gather(None)
    outcomes = gang.gather(_write_shard(folder, f"rank-{gang.rank:05d}.safetensors", owned))
    failures = [outcome for outcome in outcomes if isinstance(outcome, str)]
    if not failures and gang.leads:
        shards = [outcome for outcome in outcomes if not isinstance(outcome, str)]
        manifest = replace(manifest, files=tuple(file for file, _ in shards), boxes=_index(shards))
        try:
            manifest.write(folder)
            sync_folder(checkpoints)
        except OSError as error:
            failures = [f"{folder}: {error.strerror}"]
    failures = gang.from_leader(failures)
    if failures:
        if gang.leads:
            shutil.rmtree(folder, ignore_errors=True)
        raise CheckpointError(f"the checkpoint of step {manifest.step} could not be written: {'; '.join(failures)}")
    return gang.from_leader(manifest)


def _write_shard(folder: Path, name: str, boxes: Sequence[Box]) -> tuple[File, list[tuple]] | str:
    """Writes one rank's shard; returns the file and its boxes, or what went wrong."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    path = folder / name
    tensors = {f"{box.key}@{','.join(map(str, box.offsets))}": box.tensor.detach().cpu().contiguous() for box in boxes}
    try:
        save_file(tensors, path)
        with path.open("rb") as file:
            os.fsync(file.fileno())
        sync_folder(folder)
        entry = File(name=name, size=path.stat().st_size, sha256=checksum(path))
    except (OSError, SafetensorError) as error:
        return f"{path}: {error}"
    return entry, [(box.key, box.global_shape, box.offsets, tuple(box.tensor.shape)) for box in boxes]


def _index(shards: Sequence[tuple[File, list[tuple]]]) -> dict[str, dict]:
    index: dict[str, dict] = {}
    for file, boxes in shards:
        for key, global_shape, offsets, shape in boxes:
            entry = index.setdefault(key, {"shape": list(global_shape), "blocks": []})
            entry["blocks"].append([file.name, list(offsets), list(shape)])
    return index


def _require_space(checkpoints: Path, mine: int, gang: Gang) -> None:
    """Raises CheckpointError before anything is written when the file system cannot hold the checkpoint."""
    need = gang.sum([mine])[0] + MARGIN
    checkpoints.mkdir(parents=True, exist_ok=True)
    free = gang.from_leader(shutil.disk_usage(checkpoints).free)
    if free < need:
        raise CheckpointError(
            f"no space for a checkpoint: it needs {format_bytes(need)} and {checkpoints} has {format_bytes(free)} free;"
            " free some space, or lower checkpoint.keep_last"
        )
