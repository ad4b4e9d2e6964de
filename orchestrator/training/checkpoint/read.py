"""Any saved layout -> the boxes of any other, by intersecting rectangles.

Each rank opens only the blocks that overlap what it holds, one at a time. A box that the saved blocks do
not cover to the last element is an error, found before anything is filled and never a silent zero.
"""

from __future__ import annotations

from pathlib import Path

from torch.distributed.checkpoint import FileSystemReader

from orchestrator.engines.boxes import ShardedState
from orchestrator.errors import CheckpointError
from orchestrator.training.checkpoint.manifest import (
    Damage,
    Manifest,
    folder_of,
    read_manifest,
    steps_on_disk,
    verify_files,
)
from orchestrator.training.checkpoint.planners import FillBoxes
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
    """Fills every box and scalar of `state` from a checkpoint. Raises CheckpointError for anything not covered.

    Not collective, and it needs no process group. DCP's metadata is a pickle, which can run code when it is
    read: hand only a manifest of `newest_good`, which has held the file against its SHA-256.
    """
    reader = FileSystemReader(folder_of(checkpoints, manifest.step))
    metadata = reader.read_metadata()
    planner = FillBoxes(state.boxes, f"checkpoint step {manifest.step}")
    planner.set_up_planner({}, metadata)
    plan = planner.create_local_plan()
    for name in state.scalars:
        if name not in manifest.scalars:
            raise CheckpointError(f"checkpoint step {manifest.step} holds no counter {name!r}")
    reader.set_up_storage_reader(metadata, is_coordinator=True)
    reader.read_data(plan, planner).wait()
    state.scalars.update({name: manifest.scalars[name] for name in state.scalars})
