"""Who trains a run: one process at a time, since two that write to one folder would spoil it.

Of a run that was killed a worker may live on, on a node that its launcher has lost. The lock is of the file `writer`, is held
by rank 0, and ends with it.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

from data_pipeline.files import lock
from orchestrator.training.rundir import RunDir

PATIENCE_S = 60.0
"""For the end of another process that still trains the run: who was told to stop, or has lost its node, needs a moment."""


def hold(run: RunDir, held: ExitStack, node: str) -> str:
    """Takes the run for this process until `held` is closed; says why not, if another keeps it. Without locks nobody is kept out."""
    try:
        locked = held.enter_context(lock(run.writer, lambda: None, patience=PATIENCE_S))
    except TimeoutError:
        return f"{who_trains(run)} did not end within {PATIENCE_S:g} s; stop it, or wait for its end, then resume"
    if locked:
        run.writer.write_text(f"process {os.getpid()} on {node}", "utf-8")
    return ""


def is_trained(run: RunDir, patience: float = 10.0) -> bool:
    """Whether some process trains the run, and goes on for `patience` seconds: one whose launcher was killed ends sooner."""
    if not run.writer.exists():
        return False
    try:
        with lock(run.writer, lambda: None, patience=patience):
            return False
    except TimeoutError:
        return True


def who_trains(run: RunDir) -> str:
    return f"{run.writer.read_text('utf-8') or 'another process'}, which trains run {run.name},"
