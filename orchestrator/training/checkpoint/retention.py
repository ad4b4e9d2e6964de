"""Which checkpoints to keep: the newest few, and milestones for ever. A pure decision, then deletion."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from orchestrator.training.checkpoint.manifest import MANIFEST, folder_of


def to_delete(good: Sequence[int], *, keep_last: int, keep_every: int | None) -> list[int]:
    """Of the good steps, those that retention no longer holds."""
    newest = sorted(good, reverse=True)
    return [step for step in newest[keep_last:] if not (keep_every and step % keep_every == 0)]


def delete(checkpoints: Path, steps: Sequence[int]) -> None:
    """Removes checkpoints, manifest first, so that a kill in between leaves none that looks whole."""
    for step in steps:
        folder = folder_of(checkpoints, step)
        (folder / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
