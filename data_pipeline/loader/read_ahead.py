"""Reading batches before they are asked for, in threads or in processes.

A step that waits for its tokens wastes every device of the run. Threads are enough as long as the tokens
are copied outside the interpreter's lock; where much is looked up for each sample (documents, blocks of far
files), they take the lock from the training loop itself, and processes do not. Those begin afresh
(`spawn`), since a copy of a process that holds threads and devices may hang, and hand tokens over in shared
memory. What comes out is the same either way.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from multiprocessing.shared_memory import SharedMemory
from typing import TypeVar, cast

import numpy as np

from data_pipeline.stored.reader import Arrays

R = TypeVar("R")


def _at_once(asked: np.ndarray) -> bool:
    return True


def in_threads(
    read: Callable[[np.ndarray], R], asked: Iterable[np.ndarray], *, workers: int, ahead: int,
    there: Callable[[np.ndarray], bool] = _at_once,
) -> Generator[R, None, None]:  # fmt: skip
    """`read` of each array in turn, up to `ahead` of them read in advance by `workers` threads; 0 reads none in advance.

    What is not `there` is not read in advance: who leaves while it is still being prepared would have to wait for it.
    An error in a thread is raised here, in its turn; closing the iterator (or leaving it to be collected)
    ends the threads.
    """
    if workers == 0:
        yield from map(read, asked)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="loader")
    try:
        yield from _in_turn(lambda array: pool.submit(read, array), asked, ahead, there)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def in_processes(
    make: Callable[[], Callable[[np.ndarray], Arrays]], asked: Iterable[np.ndarray], *, workers: int, ahead: int,
    there: Callable[[np.ndarray], bool] = _at_once,
) -> Generator[Arrays, None, None]:  # fmt: skip
    """As `in_threads`, in processes that each begin with `make()`, which must be picklable, to get their reader."""
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_begin, initargs=(make,))
    begun: deque[Future[_Handed]] = deque()

    def submit(array: np.ndarray) -> Future[_Handed]:
        begun.append(pool.submit(_hand_over, array))
        return begun[-1]

    try:
        for handed in _in_turn(submit, asked, ahead, there):
            begun.popleft()
            yield _taken(handed)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for future in begun:  # what nobody will take would lie in memory for ever
            if not future.cancelled() and future.exception() is None:
                _taken(future.result())


def _in_turn(
    submit: Callable[[np.ndarray], Future[R]], asked: Iterable[np.ndarray], ahead: int, there: Callable[[np.ndarray], bool]
) -> Iterator[R]:
    arrays = iter(asked)
    pending: deque[Future[R]] = deque()
    following: np.ndarray | None = None

    def read_on(most: int, *, waiting: bool) -> None:
        nonlocal following
        while len(pending) < most:
            following = next(arrays, None) if following is None else following
            if following is None or not ((waiting and not pending) or there(following)):
                return
            pending.append(submit(following))
            following = None

    read_on(max(ahead, 1), waiting=True)
    while pending:
        result = pending.popleft().result()
        read_on(max(ahead, 1), waiting=False)
        yield result
        read_on(1, waiting=True)


@dataclass(frozen=True, kw_only=True)
class _Handed:
    """Arrays that lie one after another in shared memory of this name: the shape and type of each; None for one that is not there."""

    name: str
    arrays: tuple[tuple[tuple[int, ...], str] | None, ...]


_reader: list[Callable[[np.ndarray], Arrays]] = []
"""Of this worker process: made once."""
_number = count()


def _begin(make: Callable[[], Callable[[np.ndarray], Arrays]]) -> None:
    _reader.append(make())


def _hand_over(asked: np.ndarray) -> _Handed:
    read = _reader[0](asked)
    arrays = [array for array in read if array is not None]
    name = f"samples-{os.getppid()}-{os.getpid()}-{next(_number)}"
    memory = SharedMemory(name, create=True, size=max(1, sum(array.nbytes for array in arrays)))
    at = 0
    for array in arrays:
        np.ndarray(array.shape, array.dtype, memory.buf, at)[...] = array
        at += array.nbytes
    memory.close()
    return _Handed(name=memory.name, arrays=tuple(None if array is None else (array.shape, array.dtype.str) for array in read))


def _taken(handed: _Handed) -> Arrays:
    """Copies of the arrays; the shared memory is gone."""
    memory = SharedMemory(name=handed.name)
    arrays: list[np.ndarray | None] = []
    at = 0
    for said in handed.arrays:
        if said is None:
            arrays.append(None)
            continue
        array = np.ndarray(*said, memory.buf, at).copy()
        arrays.append(array)
        at += array.nbytes
    memory.close()
    memory.unlink()
    return cast("Arrays", tuple(arrays))
