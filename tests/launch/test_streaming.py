"""A preparation beside a run: what it makes is what `make data` makes, and it ends with the command that started it."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from data_pipeline.mixture import load_mixture
from data_pipeline.prepare import prepare
from orchestrator.errors import DataError
from orchestrator.launch.processes import Process, identify, wait_gone, with_descendants
from orchestrator.launch.streaming import streamed
from tests.data_pipeline.build.conftest import contents, write_mixture

LAUNCHER = """
import sys, time
from pathlib import Path
from data_pipeline.mixture import load_mixture
from orchestrator.launch.streaming import streamed
with streamed(sys.argv[1], load_mixture(sys.argv[1]), Path(sys.argv[2]), print):
    time.sleep(60)
"""


@contextmanager
def held(cache: Path) -> Iterator[None]:
    """As long as this lasts, whoever prepares `page` waits."""
    cache.mkdir(exist_ok=True)
    with (cache / ".page.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def child_of(pid: int, but: Collection[Process] = ()) -> Process:
    """The preparation that this one has started, once there is one; this one may have other children."""
    while True:
        root = identify(pid)
        assert root is not None
        for process in {process for process in with_descendants([root]) if process.alive} - {root, *but}:
            with suppress(FileNotFoundError, ProcessLookupError):  # ended since
                if b"--parent" in Path(f"/proc/{process.pid}/cmdline").read_bytes():
                    return process
        time.sleep(0.05)


def begun(folder: Path) -> tuple[Path, Path]:
    """A page, and a folder that has all waves but was not finished."""
    page = write_mixture(folder / "texts")
    made = prepare(load_mixture(page), folder / "data").folder
    (made / "prepared.json").unlink()
    return page, made


def test_it_prepares_what_the_command_prepares(tmp_path: Path) -> None:
    page, said = write_mixture(tmp_path / "texts"), []
    with streamed(str(page), load_mixture(page), tmp_path / "data", said.append) as preparation:
        while not (preparation.folder / "prepared.json").exists():
            time.sleep(0.05)
        preparation.poll()
    assert "3 waves admitted" in said[-1]
    assert "that is all" in said[-1]
    assert contents(preparation.folder) == contents(prepare(load_mixture(page), tmp_path / "other").folder)


def test_nothing_is_started_when_all_is_prepared(tmp_path: Path) -> None:
    page = write_mixture(tmp_path / "texts")
    made = prepare(load_mixture(page), tmp_path / "data")
    with streamed(str(page), load_mixture(page), tmp_path / "data", print) as preparation:
        assert preparation.folder == made.folder
        preparation.poll()
    assert not (tmp_path / "data" / ".work" / "page.log").exists()


def test_a_preparation_that_fails_is_told_with_its_error(tmp_path: Path) -> None:
    page = write_mixture(tmp_path / "texts")
    page.write_text(page.read_text().replace("{train: byte_bpe, vocab_size: 300, sample: 100KB}", "{file: tokenizer.json}"))
    page.with_name("tokenizer.json").write_text("no json")
    with (
        pytest.raises(DataError, match=r"(?s)the data could not be prepared; the end of .*page.log:\n.*error: "),
        streamed(str(page), load_mixture(page), tmp_path / "data", print),
    ):
        pass


def test_it_ends_with_a_launcher_that_is_killed_and_the_next_goes_on(tmp_path: Path) -> None:
    page = write_mixture(tmp_path / "texts")
    cache = tmp_path / "data"
    with held(cache):
        launcher = subprocess.Popen([sys.executable, "-c", LAUNCHER, str(page), str(cache)], stdout=subprocess.DEVNULL)
        prepares = child_of(launcher.pid)
        launcher.kill()
        launcher.wait()
        assert not wait_gone([prepares], 30)
    with streamed(str(page), load_mixture(page), cache, print) as preparation:
        while not (preparation.folder / "prepared.json").exists():
            time.sleep(0.05)
    assert contents(preparation.folder) == contents(prepare(load_mixture(page), tmp_path / "other").folder)


def test_one_that_is_killed_begins_again_and_is_stopped_with_the_run(tmp_path: Path) -> None:
    page, made = begun(tmp_path)
    said: list[str] = []
    with held(made.parent), streamed(str(page), load_mixture(page), made.parent, said.append) as preparation:
        first = child_of(os.getpid())
        os.kill(first.pid, signal.SIGKILL)
        while not any("was ended from outside (signal 9)" in line for line in said):
            preparation.poll()
            time.sleep(0.05)
        second = child_of(os.getpid(), but=[first])
    assert not second.alive
    assert "was stopped with the run" in said[-1]


def test_sources_that_changed_cannot_complete_what_was_begun(tmp_path: Path) -> None:
    page, made = begun(tmp_path)
    (tmp_path / "texts" / "letters" / "0.jsonl").write_text('{"text": "another letter"}\n')
    with (
        pytest.raises(DataError, match="is not complete, and the mixture page or its sources are no longer those"),
        streamed(str(page), load_mixture(page), tmp_path / "data", print, folder=made),
    ):
        pass


def test_a_run_goes_on_with_what_was_complete_before_its_sources_changed(tmp_path: Path) -> None:
    page = write_mixture(tmp_path / "texts")
    made = prepare(load_mixture(page), tmp_path / "data").folder
    (tmp_path / "texts" / "letters" / "0.jsonl").write_text('{"text": "another letter"}\n')
    with streamed(str(page), load_mixture(page), tmp_path / "data", print, folder=made) as preparation:
        assert preparation.folder == made
