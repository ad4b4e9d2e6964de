"""Ending exactly what was started: nothing by name, nobody else's."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.launch import processes
from orchestrator.launch.processes import Process

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def family(tmp_path: Path):  # type: ignore[no-untyped-def]
    """A process that mentions tmp_path, and its child that does not."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    yield parent, child
    parent.kill()
    parent.wait()
    parent.stdout.close()
    gone = processes.identify(child)
    if gone:
        processes.end([gone], grace_s=0)


def test_a_folder_in_the_command_line_finds_the_process_and_its_descendants(family, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    parent, child = family
    roots = processes.mentioning(str(tmp_path))
    assert {process.pid for process in roots} == {parent.pid}
    assert {process.pid for process in processes.with_descendants(roots)} == {parent.pid, child}


def test_end_ends_all_and_says_that_none_is_left(family, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    started = processes.with_descendants(processes.mentioning(str(tmp_path)))
    assert processes.end(started, grace_s=2) == set()
    assert not any(process.alive for process in started)


def test_all_that_mention_a_folder_are_ended_until_none_is_left(family, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert processes.end_all_mentioning(str(tmp_path), grace_s=2) == set()
    assert processes.mentioning(str(tmp_path)) == set()


def test_a_process_that_ignores_sigterm_is_killed_after_its_grace() -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    deaf = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert deaf.stdout is not None
    deaf.stdout.readline()
    process = processes.identify(deaf.pid)
    assert process is not None
    begun = time.monotonic()
    assert processes.end([process], grace_s=0.3) == set()
    assert 0.3 <= time.monotonic() - begun < 3
    assert deaf.wait() == -9
    deaf.stdout.close()


def test_a_number_given_again_to_another_process_is_not_ours() -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    stale = Process(pid=other.pid, started=1)
    assert not stale.alive
    assert processes.end([stale], grace_s=0) == set()
    assert other.poll() is None
    other.kill()
    other.wait()
