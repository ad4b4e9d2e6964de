"""The loop: take a batch, take a step, tell the callbacks, agree to go on.

It knows no engine, no file format and no scheduler. What a rank learns alone (a stop request, an error in
a callback) is exchanged after every step, so that all ranks leave the loop together or not at all.
"""

from __future__ import annotations

import contextlib
import time
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial

import numpy as np
import torch

from data_pipeline.loader import Samples
from orchestrator.errors import DataError, RunError
from orchestrator.objectives import Batch
from orchestrator.planning.batch import StepBatch
from orchestrator.training.run import Callback, Run, Step

_LOOK_EVERY_S = 0.5


def train_steps(run: Run, callbacks: Sequence[Callback], stop_asked: Callable[[], bool]) -> None:
    """Trains from `run.step` to `run.until` or until someone asks to stop; sets `run.outcome`.

    Collective. An error that one rank's callback raises ends the loop on every rank: where it happened as
    itself, elsewhere as a RunError that names the rank.
    """
    stream = _micro_batches(run)
    with contextlib.closing(stream):
        asked = _together(run, partial(_tell, callbacks, "on_start", run), stop_asked)
        streaming = run.loader.live is not None
        while run.step < run.until and not asked:
            waited = 0.0
            if streaming:
                asked, streaming, waited = _until_there(run, stop_asked)
                if asked:
                    break
            step = _one_step(run, stream, waited)
            run.step = step.number
            asked = _together(run, partial(_tell, callbacks, "on_step", run, step), stop_asked, step.batch)
    run.outcome = "finished" if run.finished else "interrupted" if asked else "paused"
    _together(run, partial(_tell, callbacks, "on_stop", run), stop_asked)


def _until_there(run: Run, stop_asked: Callable[[], bool]) -> tuple[bool, bool, float]:
    """Waits for the samples of the next step while they are still prepared, all ranks together: a rank that waited alone
    would leave the others in a collective, and nobody would hear a request to stop.

    Returns whether somebody asked to stop meanwhile, whether more is still to be prepared, and the seconds.
    """
    live = run.loader.live
    assert live is not None
    began, end = time.perf_counter(), run.plan.batch.at(run.step + 1).samples_after
    while True:
        there = live.there(end)
        asked = _together(run, (lambda: None) if there else live.require_going_on, stop_asked)
        missing, coming = run.gang.sum([not there, not live.admitted.complete])
        if asked or not missing:
            return asked, coming > 0, time.perf_counter() - began
        time.sleep(_LOOK_EVERY_S)


def _one_step(run: Run, stream: Iterator[list[Samples]], waited: float) -> Step:
    """`waited`: seconds that the step has waited already."""
    batch = run.plan.batch.at(run.step + 1)
    lr = run.plan.schedule.lr(batch.step)
    began = time.perf_counter() - waited
    parts = next(stream)
    waited = time.perf_counter() - began
    torch.manual_seed(random_seed(run.plan.seed, batch.step, run.place.data))
    report = run.engine.train_step(_collated(run, batch, parts), lr=lr)
    seconds = time.perf_counter() - began
    return Step(batch=batch, report=report, lr=lr, seconds=seconds, data_wait_s=waited)


def _collated(run: Run, batch: StepBatch, parts: Sequence[Samples]) -> list[Batch]:
    """What the engine is given of this rank's micro-batches.

    Where samples have padding, every target weighs (positions / targets) of all samples of the step, on all ranks: whatever
    share of the padding a micro-batch has, the mean over them all is that over the step's targets. The order knows their
    number, so no rank has to ask another.
    """
    collate = run.engine.objective.collate
    if all(part.filled is None for part in parts):
        return [collate(part.tokens, part.documents) for part in parts]
    targets = run.loader.targets(np.arange(batch.first_sample, batch.samples_after, dtype=np.int64))
    positions = batch.sequences * run.plan.batch.length_of(batch.first_sample)
    scale = positions / targets if targets else 0.0  # a step of samples of one token has none
    return [collate(part.tokens, part.documents, part.weights(scale)) for part in parts]


def random_seed(seed: int, step: int, replica: int) -> int:
    """Seed of all random numbers drawn in a step: a function of position, so that a resume restores nothing.

    `replica` is the data-parallel coordinate: ranks that compute one replica together draw the same numbers.
    """
    return (seed * 1_000_003 + step * 4099 + replica) % 2**63


def samples_of_replica(batch: StepBatch, replica: int, data: int) -> range:
    """The contiguous slice of the step's global samples that one of `data` replicas takes, on all its ranks."""
    share = batch.sequences // data
    first = batch.first_sample + replica * share
    return range(first, first + share)


def _micro_batches(run: Run) -> Generator[list[Samples], None, None]:
    """For each step to come, this rank's micro-batches; read ahead."""
    plan = run.plan

    def indices() -> Iterator[np.ndarray]:
        for step in range(run.step + 1, run.until + 1):
            mine = samples_of_replica(plan.batch.at(step), run.place.data, plan.data)
            yield np.arange(mine.start, mine.stop, dtype=np.int64)

    reading = plan.spec.data.reading
    for samples in run.loader.batches(indices(), workers=reading.workers, ahead=reading.ahead, by=reading.by):
        yield samples.split(plan.micro_batch)


def _tell(callbacks: Sequence[Callback], hook: str, *arguments: object) -> None:
    for callback in callbacks:
        getattr(callback, hook)(*arguments)


def _together(
    run: Run, act: Callable[[], None], stop_asked: Callable[[], bool], batch: StepBatch | None = None
) -> bool:
    """Acts, then agrees with all ranks on whether anyone failed and whether anyone asks to stop.

    With a `batch`, also that the samples which the ranks fed to their engines are those of the step (see
    `_fed`). All of it is one small all-reduce.
    """
    error: Exception | None = None
    try:
        act()
    except Exception as raised:
        error = raised
    failed, asked, *fed = run.gang.sum([error is not None, stop_asked(), *_fed(run, batch)])
    if not failed:
        if batch:
            _require_fed(run, batch, fed)
        return asked > 0
    told = run.gang.gather(None if error is None else f"rank {run.gang.rank}: {type(error).__name__}: {error}")
    if isinstance(error, OSError):
        place = f" ({error.filename})" if error.filename else ""
        raise RunError(f"{error.strerror or error}{place}") from error
    if error is not None:
        raise error
    raise RunError("; ".join(message for message in told if message))


def _fed(run: Run, batch: StepBatch | None) -> list[int]:
    """What this rank adds to the agreement: number and sum of its samples, counted by one rank of each replica,
    and a mark of its slice, by which the replica's other ranks are held to the same samples."""
    if batch is None:
        return [0, 0, 0]
    mine = samples_of_replica(batch, run.place.data, run.plan.data)
    counted = mine if run.place.feeds else range(0)
    return [len(counted), sum(counted), _mark(mine)]


def _mark(samples: range) -> int:
    """32 bits that differ for different slices, so that their sum over a million ranks fits 64."""
    return zlib.crc32(b"%d %d" % (samples.start, samples.stop))


def _require_fed(run: Run, batch: StepBatch, fed: list[int]) -> None:
    data = run.plan.data
    samples = range(batch.first_sample, batch.samples_after)
    if fed[:2] != [len(samples), sum(samples)]:
        raise DataError(
            f"step {batch.step}: the ranks were fed {fed[0]} samples with sum {fed[1]} instead of samples"
            f" {samples[0]} to {samples[-1]}; the ranks disagree on world size or position"
        )
    together = run.plan.world_size // data
    if fed[2] != together * sum(_mark(samples_of_replica(batch, replica, data)) for replica in range(data)):
        raise DataError(
            f"step {batch.step}: the {together} ranks of a replica were not all fed the same of the samples"
            f" {samples[0]} to {samples[-1]}; the ranks disagree on layout or position"
        )
