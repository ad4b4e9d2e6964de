"""Real process groups for tests, started once per world size and reused by every test of a pytest run.

Starting a worker costs seconds of imports on this suite's two cores, running a case in it milliseconds.
So a server process imports the heavy libraries once, workers are forked from it, and each gang stays
until pytest ends. A gang in which a rank failed is thrown away, for its other ranks may wait in a
collective for ever.

    losses = run_distributed(train, 2, "zero2")    # [train("zero2") on rank 0, ... on rank 1]

`func` must be importable by name, and what it takes and returns is pickled. It runs with the default
process group initialised (gloo) and one thread per rank.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import pickle
import tempfile
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

PRELOADED = [
    "torch._dynamo",
    "transformers.models.llama.modeling_llama",
    "transformers.optimization",
    "deepspeed.runtime.zero.muon.muon_optimizer",
]


class RankError(AssertionError):
    """A rank raised; the message holds its traceback."""


class Gang:
    """`world_size` processes in one process group."""

    def __init__(self, world_size: int) -> None:
        os.environ.setdefault("DS_ACCELERATOR", "cpu")  # inherited by the server: no detection, no warning
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        self._folder = tempfile.TemporaryDirectory(prefix="gang-")
        store = str(Path(self._folder.name) / "store")
        self._connections: list[Connection] = []
        self._processes = []
        for rank in range(world_size):
            ours, theirs = context.Pipe()
            process = context.Process(target=_worker, args=(theirs, store, rank, world_size), daemon=True)
            process.start()
            theirs.close()
            self._connections.append(ours)
            self._processes.append(process)

    def run(self, func: Callable[..., Any], args: tuple[Any, ...], timeout_s: float) -> list[Any]:
        """The results in the order of ranks."""
        for connection in self._connections:
            connection.send_bytes(pickle.dumps((func, args)))
        results: dict[int, Any] = {}
        while len(results) < len(self._connections):
            pending = [each for rank, each in enumerate(self._connections) if rank not in results]
            ready = wait(pending, timeout_s)
            if not ready:
                waiting = [rank for rank in range(len(self._connections)) if rank not in results]
                raise RankError(f"{func.__qualname__}: no answer from ranks {waiting} in {timeout_s:g} s")
            for rank, connection in enumerate(self._connections):
                if connection not in ready:
                    continue
                failure, results[rank] = _receive(connection)
                if failure:
                    raise RankError(f"{func.__qualname__} on rank {rank}:\n{failure}")
        return [results[rank] for rank in range(len(self._connections))]

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join()
        self._folder.cleanup()


_GANGS: dict[int, Gang] = {}


def run_distributed(
    func: Callable[..., Any], world_size: int, *args: Any, timeout_s: float = 120.0
) -> list[Any]:
    """Calls `func(*args)` on every rank of a process group; the results by rank."""
    if world_size not in _GANGS:
        _GANGS[world_size] = Gang(world_size)
    try:
        return _GANGS[world_size].run(func, args, timeout_s)
    except BaseException:
        _GANGS.pop(world_size).stop()
        raise


def _receive(connection: Connection) -> tuple[str, Any]:
    try:
        answer: tuple[str, Any] = pickle.loads(connection.recv_bytes())
    except EOFError:
        return "the process died without a word", None
    return answer


def _worker(connection: Connection, store: str, rank: int, world_size: int) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    import torch
    from torch import distributed

    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", store=distributed.FileStore(store, world_size), rank=rank, world_size=world_size
    )
    while True:
        try:
            func, args = pickle.loads(connection.recv_bytes())
        except EOFError:
            os._exit(0)  # pytest is over; process groups of dead peers are not worth a farewell
        try:
            answer = ("", func(*args))
        except Exception:
            answer = (traceback.format_exc(), None)
        connection.send_bytes(pickle.dumps(answer))


@atexit.register
def _stop_all() -> None:
    while _GANGS:
        _GANGS.popitem()[1].stop()
