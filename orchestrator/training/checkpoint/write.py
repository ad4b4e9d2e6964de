"""Boxes -> shards -> manifest: every rank writes what it owns, rank 0 says last that all of it is there.

A shard is a file of torch.distributed.checkpoint (DCP), one per rank; DCP's `.metadata` tells in which of
them lies which block of which tensor, and nothing in it depends on how many ranks wrote it. A failed save
leaves no folder behind and is known to all ranks at once.

DCP's own `save` is not called: it warns whenever it runs without a process group, and tells a failure as
the tracebacks of all ranks. Here each rank plans and writes alone, with DCP's writer, and one message
brings rank 0 the plan, the places and one line on what failed.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from torch.distributed.checkpoint import FileSystemWriter
from torch.distributed.checkpoint.planner import SavePlan
from torch.distributed.checkpoint.storage import WriteResult
from torch.utils.serialization import config

from data_pipeline.files import force
from orchestrator.engines.boxes import Box, ShardedState
from orchestrator.errors import CheckpointError
from orchestrator.training.checkpoint.manifest import File, Manifest, checksum, folder_of
from orchestrator.training.checkpoint.planners import SaveBoxes
from orchestrator.training.gang import Gang
from orchestrator.units import format_bytes

MARGIN = 16 * 2**20
"""Bytes left free for metrics, ledger and manifest."""
FRAME = 2**11
"""Bytes that DCP adds to a block: torch.save's archive around it, its line in `.metadata`."""
METADATA = ".metadata"


@dataclass(frozen=True, kw_only=True)
class Shard:
    """What one rank wrote."""

    file: File
    plan: SavePlan
    results: list[WriteResult]


def write_checkpoint(checkpoints: Path, state: ShardedState, manifest: Manifest, gang: Gang) -> Manifest:
    """Saves the owned boxes of all ranks as the step of `manifest`, completed with files.

    Collective. Raises CheckpointError on every rank when any rank could not write; the folder is then gone.
    """
    folder = folder_of(checkpoints, manifest.step)
    owned = [box for box in state.boxes if box.owned]
    mine = sum(box.tensor.numel() * box.tensor.element_size() + FRAME for box in owned)
    need = gang.sum([mine])[0] + MARGIN
    refusal = gang.from_leader(_make_room(folder, need) if gang.leads else "")
    if refusal:
        raise CheckpointError(refusal)
    shards = gang.to_leader(_write_shard(folder, owned, gang.rank))
    failures, manifest = gang.from_leader(_complete(folder, shards, manifest) if gang.leads else ([], manifest))
    if failures:
        if gang.leads:
            shutil.rmtree(folder, ignore_errors=True)
        raise CheckpointError(f"the checkpoint of step {manifest.step} could not be written: {'; '.join(failures)}")
    return manifest


def _make_room(folder: Path, need: int) -> str:
    """Leaves an empty folder on a file system with `need` bytes free; else says why not, and has written nothing."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder.parent).free
        if free < need:
            return (
                f"no space for a checkpoint: it needs {format_bytes(need)} and {folder.parent} has {format_bytes(free)} free;"
                " free some space, or lower checkpoint.keep_last"
            )
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    except OSError as error:
        return f"no checkpoint can be written: {folder}: {error.strerror}"
    return ""


def _write_shard(folder: Path, owned: Sequence[Box], rank: int) -> Shard | str:
    """Writes one rank's boxes into one file; returns what there is to know of it, or what went wrong."""
    path = folder / f"__{rank}_0.distcp"  # DCP's name
    planner = SaveBoxes(owned)
    writer = FileSystemWriter(folder, sync_files=False, overwrite=False)
    writer.set_up_storage_writer(rank == 0, rank=rank, use_collectives=False)
    try:
        plan = writer.prepare_local_plan(planner.create_local_plan())
        # the CRC-32 of each block guards what the SHA-256 of the file guards
        with config.patch({"save.compute_crc32": False}):  # type: ignore[attr-defined]
            results = writer.write_data(plan, planner).wait()
        return Shard(file=_sealed(path), plan=plan, results=results)
    except (OSError, RuntimeError) as error:
        return f"{path}: {_cause(error)}"


def _complete(folder: Path, shards: Sequence[Shard | str], manifest: Manifest) -> tuple[list[str], Manifest]:
    """On rank 0: `.metadata`, then the manifest; what went wrong on any rank, and the manifest with its files."""
    failures = [shard for shard in shards if isinstance(shard, str)]
    if failures:
        return failures, manifest
    written = [shard for shard in shards if isinstance(shard, Shard)]
    try:
        _, metadata = SaveBoxes().create_global_plan([shard.plan for shard in written])
        FileSystemWriter(folder).finish(metadata, [shard.results for shard in written])
        manifest = replace(manifest, files=(*(shard.file for shard in written), _sealed(folder / METADATA)))
        manifest.write(folder)
        force(folder.parent)
    except (OSError, ValueError) as error:  # ValueError: DCP finds blocks that overlap, or leave a hole
        failures = [f"{folder}: {_cause(error)}"]
    return failures, manifest


def _sealed(path: Path) -> File:
    """The entry of a file, which is then on disk: one thread waits for the disk while the other computes."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        synced = pool.submit(force, path)
        entry = File(name=path.name, size=path.stat().st_size, sha256=checksum(path))
        synced.result()
    force(path.parent)
    return entry


def _cause(error: Exception) -> str:
    """What went wrong in one line, without the file, which the message names."""
    return (isinstance(error, OSError) and error.strerror) or str(error).partition("\n")[0]
