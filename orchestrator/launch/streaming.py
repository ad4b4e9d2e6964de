"""A preparation beside the run that trains on it: a process of its own, which ends with the one that launched the run.

It is the command `data` on the same mixture, so what it makes is what `make data` makes, and either goes on with what the
other has done. Two at once do not meet: the second waits at the lock of prepare.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from data_pipeline.admitted import Admitted, read_admitted
from data_pipeline.mixture import Mixture
from data_pipeline.prepare import folder_of, request_key
from orchestrator.errors import DataError
from orchestrator.units import format_count

Say = Callable[[str], None]
_LOOK_EVERY_S = 0.2
_STARTS = 3  # of a preparation that is killed from outside, as for want of memory
_SHOWN = 20  # lines of the log, of a preparation that failed


class Preparation:
    """The process that prepares `mixture`, said so on the page, into `folder` of the cache. `log` has what it says."""

    def __init__(self, said: str, folder: Path, log: Path, say: Say) -> None:
        self.folder, self._log, self._say = folder, log, say
        self._command = [
            sys.executable, "-m", "orchestrator.cli", "data", "--mixture", said, "--data", str(folder.parent), "--parent", str(os.getpid()),
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = self._told = 0

    def start(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._from = log.tell()
            # A session of its own: Ctrl-C is meant for the run, which may still need data to come to its end.
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self._starts += 1

    def first_wave(self) -> Admitted:
        """Waits for it, saying what the preparation says. Raises DataError when that fails."""
        shown = 0
        while True:
            code = self._process.poll() if self._process else 0
            found = read_admitted(self.folder)
            lines = self._lines()
            for line in lines[shown:] if found is None else []:
                self._say(line)
            shown = len(lines)
            if found is not None:
                return found
            if code is not None:
                raise DataError(f"the data could not be prepared; the end of {self._log}:\n" + "\n".join(lines[-_SHOWN:]))
            time.sleep(_LOOK_EVERY_S)

    def poll(self) -> None:
        """Says what waves have come, and begins again what was killed."""
        found = read_admitted(self.folder)
        if found is not None and len(found.waves) > self._told:
            self._told = len(found.waves)
            tokens = sum(found.waves[-1].tokens["train"].values())
            end = "; that is all" if found.complete else ""
            self._say(f"{self._told} {'wave' if self._told == 1 else 'waves'} admitted, {format_count(tokens)} training tokens{end}")
        code = self._process.poll() if self._process else None
        if code is None:
            return
        self._process = None
        if code < 0 and self._starts < _STARTS:
            self._say(f"the preparation was ended from outside (signal {-code}); it begins again where it stopped")
            self.start()
        elif code != 0:
            told = "\n".join(self._lines()[-_SHOWN:])
            self._say(f"the preparation failed; the run goes on with what is admitted. The end of {self._log}:\n{told}")

    def close(self) -> None:
        """A view has to have one; the preparation is ended by `streamed`."""

    def end(self) -> None:
        """Ends it with the run. What it has done is kept."""
        if self._process is None or self._process.poll() is not None:
            return
        complete = (self.folder / "prepared.json").exists()
        self._process.terminate()
        self._process.wait()
        if not complete:
            self._say(f"the preparation was stopped with the run; `make data` goes on with it: {self.folder}")

    def _lines(self) -> list[str]:
        if not self._starts:
            return []
        with self._log.open("rb") as log:
            log.seek(self._from)
            return log.read().decode("utf-8", "replace").splitlines()


@contextmanager
def streamed(said: str, mixture: Mixture, cache: Path, say: Say, *, folder: Path | None = None) -> Iterator[Preparation]:
    """Prepares a mixture as long as this lasts, if it is not all prepared; begins when there is something to train on.

    folder: where the run began to read. Raises DataError when the sources are no longer those that it was begun from.
    """
    made = folder_of(mixture, cache, request_key(mixture))
    ready = folder is not None and (folder / "prepared.json").exists()
    if folder is not None and folder.name != made.name and not ready:
        raise DataError(
            f"{folder} is not complete, and the mixture page or its sources are no longer those that it was begun from; put them back, "
            "or start a new run"
        )
    preparation = Preparation(said, folder or made, cache / ".work" / f"{mixture.name}.log", say)
    if not (preparation.folder / "prepared.json").exists():
        preparation.start()
    try:
        preparation.first_wave()
        yield preparation
    finally:
        preparation.end()
