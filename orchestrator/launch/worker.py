"""What Ray runs in each worker of a gang: the shell around the training function.

It gives every rank of every attempt a log file of its own, so that nothing a library prints can reach the
user's terminal or get lost in Ray's session folder, and then calls the function that knows nothing of Ray.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.errors import OrchestratorError

FATAL = "fatal.json"  # beside the logs of an attempt: an error of ours, which no restart can cure


def run_in_worker(config: dict[str, str]) -> dict[str, Any]:
    """`config`: run_dir, function ("module:name"), folder (working directory). Returns the function's dict."""
    import ray.train
    import ray.util
    from ray.train.collective import broadcast_from_rank_zero

    run_dir = Path(config["run_dir"])
    context = ray.train.get_context()
    rank = context.get_world_rank()
    attempt = broadcast_from_rank_zero(next_attempt(run_dir) if rank == 0 else None)
    logs = attempt_folder(run_dir, attempt)
    logs.mkdir(parents=True, exist_ok=True)
    redirect_output(logs / f"rank-{rank}.log")
    if Path(config["folder"]).is_dir():
        os.chdir(config["folder"])
    # Several raylets on one machine share its name, pods may share anything but their address.
    node = f"{socket.gethostname()} ({ray.util.get_node_ip_address()})"
    try:
        result = load(config["function"])(str(run_dir), local_rank=context.get_local_rank(), node=node)
    except OrchestratorError as error:
        _write_fatal(logs / FATAL, rank, error)
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return result


def attempt_folder(run_dir: Path, attempt: int) -> Path:
    return run_dir / "logs" / f"attempt-{attempt}"


def next_attempt(run_dir: Path) -> int:
    """Attempts count from 1 over the whole life of a run, resumes included."""
    return 1 + newest_attempt(run_dir)


def newest_attempt(run_dir: Path) -> int:
    """The number of the newest attempt that has begun, 0 before the first."""
    names = [folder.name.removeprefix("attempt-") for folder in (run_dir / "logs").glob("attempt-*")]
    return max((int(name) for name in names if name.isdigit()), default=0)


def redirect_output(path: Path) -> None:
    """Send descriptors 1 and 2, and with them every library in every language, to `path`, line by line."""
    sys.stdout.flush()
    sys.stderr.flush()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)


def load(function: str) -> Callable[..., dict[str, Any]]:
    module, name = function.split(":")
    loaded: Callable[..., dict[str, Any]] = getattr(importlib.import_module(module), name)
    return loaded


def _write_fatal(path: Path, rank: int, error: OrchestratorError) -> None:
    """The first rank to fail is the one that knows why."""
    record = {"rank": rank, "kind": type(error).__name__, "exit_code": error.exit_code, "message": str(error)}
    try:
        with path.open("x", encoding="utf-8") as file:
            json.dump(record, file)
    except FileExistsError:
        pass
