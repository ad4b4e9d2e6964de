"""A mixture page -> a prepared folder in the cache, made once and then found in milliseconds.

Whether data is ready is decided from the page and a cheap signature of each source (file sizes and
times, versions), never by reading text. Its shards appear in the folder as they are finished; the data is ready
when `prepared.json` is there, which is written last. All work is kept in `.work/NAME` beside it, so that a
preparation that was interrupted goes on where it stopped, and a changed page costs what it changes. Callers
with mixtures of one name wait for each other at a lock that dies with its process; on a file system without locks they
do the same work, and the result is the same.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data_pipeline.admitted import NAME, read_admitted
from data_pipeline.alive import preparing
from data_pipeline.build import JOBS, build
from data_pipeline.files import PARTIAL, lock
from data_pipeline.mixture import Mixture
from data_pipeline.prepared import FORMAT, Prepared, open_prepared
from data_pipeline.progress import Event, Line
from data_pipeline.tokenize.section import digests_of, library
from data_pipeline.work import Executor, OneByOne, Store
from orchestrator.errors import DataError
from orchestrator.units import format_bytes

Say = Callable[[Event], None]


def prepare(mixture: Mixture, cache: Path, say: Say = lambda event: None, executor: Callable[[], Executor] = OneByOne) -> Prepared:
    """The prepared folder of the mixture, made if there is none. `say` is given the events of progress.py.

    Raises PageError for sources that are not there, DataError for damaged or useless data. What was done before an error, or
    before this process died, is not done again.
    """
    key = request_key(mixture)
    found = _find(mixture, cache, key)
    if found is not None:
        return found
    store = Store(cache / ".work" / mixture.name, mixture.page)
    store.folder.mkdir(parents=True, exist_ok=True)
    told = f"another process is preparing a mixture called {mixture.name!r} in {cache}; waiting for it"
    with lock(cache / f".{mixture.name}.lock", lambda: say(Line(told))) as alone:
        found = _find(mixture, cache, key)
        if found is not None:
            return found
        if alone:
            store.sweep()
        folder = folder_of(mixture, cache, key)
        folder.mkdir(exist_ok=True)
        for partial in folder.rglob(f"*{PARTIAL}") if alone else ():  # of a caller that died
            partial.unlink()
        doer = executor()
        try:
            with preparing(folder):
                build(mixture, key, folder, store, doer, say)
        except OSError as error:
            if not _is_full(error):
                raise
            told = f"no space is left for prepared data in {cache}, after {format_bytes(_size_of(store.folder))}"
            raise DataError(f"{told}; make room there, or choose another folder for the data; what is done is kept") from None
        finally:
            doer.close()
            if alone:
                store.sweep()  # after an error, jobs that were stopped in the middle; a full disk needs the room
        if alone:
            store.forget_unused()
        return open_prepared(folder)


def folder_of(mixture: Mixture, cache: Path, key: str) -> Path:
    """Where the data of this request lies, or will."""
    return cache / f"{mixture.name}-{key[:12]}"


def find_prepared(cache: Path, fingerprint: str) -> Prepared:
    """The folder with this fingerprint, whatever its sources hold by now; for continuing a run."""
    for path in sorted(cache.glob("*/prepared.json")):
        if fingerprint in path.read_text("utf-8"):
            return open_prepared(path.parent)
    raise _gone(cache, fingerprint)


def find_admitted(cache: Path, fingerprint: str) -> Path:
    """As `find_prepared`, for a run that trains on what is admitted: the folder, which need not be complete."""
    for path in sorted(cache.glob(f"*/{NAME}")):
        try:
            found = read_admitted(path.parent)
        except DataError:  # of another mixture, most likely; who trains on that one is told
            continue
        if found is not None and found.fingerprint == fingerprint:
            return path.parent
    raise _gone(cache, fingerprint)


def _gone(cache: Path, fingerprint: str) -> DataError:
    return DataError(
        f"{cache} holds no prepared data with the fingerprint {fingerprint[:12]}...: it was removed, or lies "
        "in another folder; without it the run cannot be continued on the same tokens"
    )


def status(mixture: Mixture, cache: Path) -> dict[str, Any]:
    """What the cache holds of the mixture, every byte checked; `state` is ready, missing or damaged."""
    facts: dict[str, Any] = {"name": mixture.name, "state": "missing", "sources": [], "problem": None}
    try:
        prepared = _find(mixture, cache, request_key(mixture))
        if prepared is None:
            return facts
        prepared.verify(contents=True)
    except DataError as error:
        return {**facts, "state": "damaged", "problem": str(error)}
    return {
        **facts,
        "state": "ready",
        "folder": str(prepared.folder),
        "fingerprint": prepared.fingerprint,
        "vocab_size": prepared.vocab_size,
        "bytes": sum(size for size, _ in prepared.files.values()),
        "sources": [vars(source) for source in prepared.sources],
        "report": json.loads((prepared.folder / "report.json").read_bytes()),
    }


def request_key(mixture: Mixture) -> str:
    """Identifies page, state of the sources and versions that shape the result; reads no text."""
    tokenizer = mixture.tokenizer
    facts = {
        "format": FORMAT,
        "jobs": {job.__name__: job.version for job in JOBS},
        "tokenizers": library(),
        "sources": [[source.facts(), source.signature()] for source in mixture.sources],
        "block": mixture.block,
        "tokenizer": tokenizer.model_dump(mode="json", exclude={"fast"}),
        "tokenizer_file": digests_of(tokenizer),
        "validation": mixture.validation.model_dump(mode="json"),
        "seed": mixture.seed,
        "weights": mixture.weights.model_dump(mode="json"),
        "schedule": [stage.model_dump(mode="json") for stage in mixture.schedule],
    }
    facts["steps"] = [[step.signature() for step in steps] for steps in (mixture.steps, *(each.steps for each in mixture.sources))]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _find(mixture: Mixture, cache: Path, key: str) -> Prepared | None:
    folder = folder_of(mixture, cache, key)
    return open_prepared(folder) if (folder / "prepared.json").is_file() else None


def _is_full(error: OSError) -> bool:
    """Whether the disk is full. pyarrow says so in words only, and numpy only that not all was written."""
    numbers = (errno.ENOSPC, errno.EDQUOT)
    said = str(error)
    return error.errno in numbers or any(os.strerror(each) in said for each in numbers) or said.endswith(" written")


def _size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
