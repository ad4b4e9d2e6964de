"""A mixture page -> a prepared folder in the cache, made once and then found in milliseconds.

Whether data is ready is decided from the page and a cheap signature of each source (file sizes and
times, versions), never by reading text. The folder is built under a temporary name and renamed when
all of it is on disk, so it exists whole or not at all. Callers with the same request wait for each
other at a lock that dies with its process; where the file system has no locks, the first rename wins.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from data_pipeline.build import Progress, build
from data_pipeline.mixture import Mixture
from data_pipeline.prepared import FORMAT, Prepared, open_prepared, sha256_of
from orchestrator.errors import DataError, PageError, Problem
from orchestrator.units import format_bytes


def prepare(mixture: Mixture, cache: Path, progress: Progress = lambda line: None) -> Prepared:
    """The prepared folder of the mixture, made if there is none. `progress` is given lines to print.

    Raises PageError for sources that are not there, DataError for damaged or useless data.
    """
    key = request_key(mixture)
    found = _find(mixture, cache, key)
    if found is not None:
        return found
    cache.mkdir(parents=True, exist_ok=True)
    label = f"{mixture.name}-{key[:12]}"
    with _lock(cache / f".{label}.lock", progress) as alone:
        found = _find(mixture, cache, key)
        if found is not None:
            return found
        for stale in cache.glob(f".{label}-*") if alone else ():  # of a caller that died
            shutil.rmtree(stale)
        folder = Path(tempfile.mkdtemp(prefix=f".{label}-", dir=cache))
        try:
            fingerprint = build(mixture, folder, progress)
            (folder / "requests").mkdir()
            (folder / "requests" / key).touch()
            return open_prepared(_publish(folder, cache / f"{mixture.name}-{fingerprint[:12]}", key))
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            written = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            told = f"no space is left for prepared data in {cache}, after {format_bytes(written)}"
            raise DataError(f"{told}; make room there, or choose another folder for the data") from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # gone already when it was published


def find_prepared(cache: Path, fingerprint: str) -> Prepared:
    """The folder with this fingerprint, whatever its sources hold by now; for continuing a run."""
    for path in sorted(cache.glob(f"*-{fingerprint[:12]}/prepared.json")):
        prepared = open_prepared(path.parent)
        if prepared.fingerprint == fingerprint:
            return prepared
    raise DataError(
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
    if tokenizer.file is not None and not Path(tokenizer.file).is_file():
        problem = Problem(file=tokenizer.file, path="tokenizer.file", message="there is no such file")
        raise PageError([problem])
    facts = {
        "format": FORMAT,
        "tokenizers": metadata.version("tokenizers"),
        "sources": [[source.facts(), source.signature()] for source in mixture.sources],
        "tokenizer": tokenizer.model_dump(mode="json"),
        "tokenizer_file": sha256_of(Path(tokenizer.file)) if tokenizer.file else None,
        "validation": mixture.validation.model_dump(mode="json"),
        "seed": mixture.seed,
    }
    steps = [[step.signature() for step in mixture.steps_of(source)] for source in mixture.sources]
    if any(steps):
        facts["steps"] = steps
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _find(mixture: Mixture, cache: Path, key: str) -> Prepared | None:
    for path in sorted(cache.glob(f"{glob.escape(mixture.name)}-*/requests/{key}")):
        return open_prepared(path.parent.parent)
    return None


def _publish(folder: Path, final: Path, key: str) -> Path:
    """Gives the finished folder its name; where that exists, another request led to the same data."""
    try:
        folder.rename(final)
    except OSError:
        if not final.is_dir():
            raise
        open_prepared(final)
        (final / "requests" / key).touch()
    descriptor = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return final


@contextmanager
def _lock(path: Path, progress: Progress) -> Iterator[bool]:
    """Waits for the lock; True when it is held, False on a file system without locks."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another process is preparing the same data; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                raise
            yield False
            return
        yield True
